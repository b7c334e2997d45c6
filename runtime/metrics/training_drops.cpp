#include "runtime/metrics/training_drops.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/metrics/bounded_file.hpp"

namespace eb::metrics {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr unsigned kMaxRank = 1U << 20U;

std::optional<double> number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return {};
}

std::optional<double> finite(const Json& drop, const char* key) {
  const auto found = drop.find(key);
  if (found == drop.end() || !found->is_number()) return {};
  return found->get<double>();
}

bool is_name(const std::string& text) { return !text.empty() && text.size() <= kMaxDropNameBytes; }

/// Not deeper than kMaxDepth: the parser itself is not recursive, but destroying a value is.
bool is_flat(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

std::optional<TrainingDrop> parse_drop(std::string_view text) {
  if (text.size() > kMaxDropBytes || !is_flat(text)) return {};
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || finite(json, "format") != 1.0) return {};
  TrainingDrop out;
  const auto run = json.find("run");
  if (run == json.end() || !run->is_string()) return {};
  out.run = run->get<std::string>();
  const std::optional<double> rank = finite(json, "rank");
  if (!is_name(out.run) || !rank || *rank < 0 || *rank > kMaxRank || *rank != std::floor(*rank)) {
    return {};
  }
  out.rank = static_cast<unsigned>(*rank);
  out.world_size = finite(json, "world_size");
  out.step = finite(json, "step");
  out.restarts = finite(json, "restarts");
  out.started = finite(json, "started");
  const auto state = json.find("state");
  out.state = state != json.end() && state->is_string() ? state->get<std::string>() : "running";
  if (out.state != "running" && out.state != "finished" && out.state != "failed") return {};
  const auto values = json.find("values");
  if (values == json.end()) return out;
  if (!values->is_object()) return {};
  for (const auto& [name, value] : values->items()) {
    if (out.values.size() == kMaxDropValues) break;
    if (const auto known = number(value); known && is_name(name)) out.values[name] = *known;
  }
  return out;
}

TrainingSample read_drops(const std::string& folder, double now, double keep_seconds) {
  TrainingSample out;
  const std::unique_ptr<DIR, CloseFolder> open_folder(opendir(folder.c_str()));
  if (!open_folder) return out;
  out.has_folder = true;
  std::vector<std::string> names;
  while (const dirent* entry = readdir(open_folder.get())) {
    const std::string name = entry->d_name;
    // A name with a dot in front is a drop that is being written.
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    if (names.size() == kMaxDrops) {
      ++out.rejected["too_many"];
      continue;
    }
    names.push_back(name);
  }
  std::ranges::sort(names);
  std::map<std::pair<std::string, unsigned>, TrainingDrop> newest;
  for (const std::string& name : names) {
    const StrangeFile file =
        read_strange_file(dirfd(open_folder.get()), name, geteuid(), kMaxDropBytes);
    if (!file.problem.empty()) {
      ++out.rejected[file.problem];
      continue;
    }
    if (file.modified < now - keep_seconds) continue;
    std::optional<TrainingDrop> drop = parse_drop(file.content);
    if (!drop) {
      ++out.rejected["malformed"];
      continue;
    }
    drop->modified = file.modified;
    const auto [at, is_new] = newest.try_emplace({drop->run, drop->rank}, *drop);
    if (is_new) continue;
    ++out.rejected["duplicate"];
    if (at->second.modified < drop->modified) at->second = std::move(*drop);
  }
  for (auto& [key, drop] : newest) out.drops.push_back(std::move(drop));
  return out;
}

std::string default_training_folder(const std::string& host) {
  const auto variable = [](const char* name) {
    const char* const value = getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  if (std::string named = variable("ENVBUNDLE_TRAINING_DIR"); !named.empty()) return named;
  std::string state = variable("XDG_STATE_HOME");
  // The XDG base directory specification: a relative path does not count.
  if (!state.starts_with('/')) {
    const std::string home = variable("HOME");
    if (!home.starts_with('/')) {
      return "/tmp/envbundle-" + std::to_string(geteuid()) + "/training";
    }
    state = home + "/.local/state";
  }
  return state + "/envbundle/training/" + host;
}

}  // namespace eb::metrics
