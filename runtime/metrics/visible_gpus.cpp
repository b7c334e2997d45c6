#include "runtime/metrics/visible_gpus.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace eb::metrics {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct Match {
  size_t gpu;
  std::string mig_uuid;  ///< empty: the GPU itself
};

std::optional<Match> match_index(const std::string& entry, size_t count) {
  size_t index = 0;
  const auto end = std::from_chars(entry.data(), entry.data() + entry.size(), index);
  if (end.ec != std::errc() || end.ptr != entry.data() + entry.size() || index >= count) return {};
  return Match{index, {}};
}

std::optional<Match> match(const std::string& entry, const std::vector<GpuName>& gpus) {
  if (!entry.starts_with("GPU-") && !entry.starts_with("MIG-")) {
    return match_index(entry, gpus.size());
  }
  std::optional<Match> out;
  for (size_t i = 0; i < gpus.size(); ++i) {
    if (gpus[i].uuid.starts_with(entry)) {
      if (out) return {};  // the beginning of two
      out = Match{i, {}};
    }
    for (const std::string& mig : gpus[i].mig_uuids) {
      if (!mig.starts_with(entry)) continue;
      if (out) return {};
      out = Match{i, mig};
    }
  }
  return out;
}

}  // namespace

GpuChoice parse_gpu_choice(const char* value) {
  if (value == nullptr) return {};
  std::string_view rest = trimmed(value);
  if (rest == "all") return {};
  GpuChoice out{.all = false, .entries = {}};
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    out.entries.emplace_back(trimmed(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

std::vector<ChosenGpu> choose_gpus(const GpuChoice& choice, const std::vector<GpuName>& gpus) {
  std::map<size_t, std::vector<std::string>> chosen;
  if (choice.all) {
    for (size_t i = 0; i < gpus.size(); ++i) chosen[i];
  }
  for (const std::string& entry : choice.entries) {
    const std::optional<Match> found = match(entry, gpus);
    if (!found) break;
    const auto [at, is_new] = chosen.try_emplace(found->gpu);
    if (found->mig_uuid.empty()) {
      at->second.clear();
    } else if (is_new || !at->second.empty()) {
      at->second.push_back(found->mig_uuid);
    }
  }
  std::vector<ChosenGpu> out;
  out.reserve(chosen.size());
  for (auto& [index, migs] : chosen) out.push_back({index, std::move(migs)});
  return out;
}

}  // namespace eb::metrics
