#include "bundler/manifest/torch_builds.hpp"

#include <algorithm>
#include <utility>

#include "installer/base/error.hpp"
#include "installer/base/version.hpp"

namespace eb {

// Sources: the compatibility table in pytorch/pytorch RELEASE.md; pytorch/test-infra
// tools/scripts/generate_binary_build_matrix.py at the commits of each release; both read 2026-09.
// Pythons: file names on the index, read 2026-11-23. A line of which only plans were known then
// (2.14 and later) is not in it.
const char* const kTorchBuildsDate = "2026-09";

const std::vector<TorchBuild>& torch_builds() {
  static const std::vector<TorchBuild> kBuilds = {
      {"2.3", {"11.8", "12.1"}, {}, 8, 12},
      {"2.4", {"11.8", "12.1", "12.4"}, {}, 8, 12},
      {"2.5", {"11.8", "12.1", "12.4"}, {}, 9, 13},
      {"2.6", {"11.8", "12.4", "12.6"}, {}, 9, 13},
      {"2.7", {"11.8", "12.6", "12.8"}, {"12.8"}, 9, 13},
      {"2.8", {"12.6", "12.8", "12.9"}, {"12.9"}, 9, 13},
      {"2.9", {"12.6", "12.8", "13.0"}, {"12.6", "12.8", "13.0"}, 10, 14},
      {"2.10", {"12.6", "12.8", "13.0"}, {"12.6", "12.8", "13.0"}, 10, 14},
      {"2.11", {"12.6", "12.8", "12.9", "13.0"}, {}, 10, 14},
      {"2.12", {"12.6", "13.0", "13.2"}, {}, 10, 14},
      {"2.13", {"12.6", "13.0", "13.2"}, {}, 10, 14},
  };
  return kBuilds;
}

std::string_view min_driver_for_cuda(std::string_view cuda) {
  // NVIDIA's CUDA release notes, table 2; 11.0 alone has 450.36.06.
  const std::string_view major = cuda.substr(0, cuda.find('.'));
  if (major == "11") return "450.80.02";
  if (major == "12") return "525.60.13";
  if (major == "13") return "580";
  return "";
}

namespace {

bool has(const std::vector<std::string_view>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string words(const std::vector<std::string_view>& list) {
  std::string out;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out += i + 1 == list.size() ? " and " : ", ";
    out += list[i];
  }
  return out;
}

const std::vector<std::string_view>& cuda_of(const TorchBuild& build, const std::string& platform) {
  return platform == "linux-aarch64" ? build.cuda_aarch64 : build.cuda;
}

/// The lines of which some release can satisfy the specifier.
std::vector<const TorchBuild*> fitting(const VersionSpecifier& torch) {
  std::vector<const TorchBuild*> out;
  for (const auto& build : torch_builds()) {
    constexpr int kPatches = 8;
    for (int patch = 0; patch < kPatches; ++patch) {
      const auto version =
          PythonVersion::parse(std::string(build.line) + "." + std::to_string(patch));
      if (torch.contains(*version)) {
        out.push_back(&build);
        break;
      }
    }
  }
  return out;
}

std::string table_hint() {
  return std::string("manifests/README.md has the whole table, as of ") + kTorchBuildsDate;
}

/// Whether a release newer than the table may be meant.
bool may_be_newer(const VersionSpecifier& torch) {
  const auto exact = torch.exact();
  const auto newest = PythonVersion::parse(torch_builds().back().line);
  if (exact) {
    return std::pair{exact->release().at(0),
                     exact->release().size() > 1 ? exact->release()[1] : 0} >
           std::pair{newest->release().at(0), newest->release().at(1)};
  }
  for (int minor = 0; minor < 100; ++minor) {
    const auto later = PythonVersion::parse(
        std::to_string(newest->release().at(0)) + "." +
        std::to_string(newest->release().at(1) + 1 + static_cast<uint64_t>(minor)) + ".0");
    if (torch.contains(*later)) return true;
  }
  return torch.contains(*PythonVersion::parse("999"));
}

[[noreturn]] void fail_cuda(const TorchWish& wish, const std::vector<const TorchBuild*>& lines) {
  const bool aarch64 = wish.platform == "linux-aarch64";
  const std::string here = aarch64 ? " on linux-aarch64" : "";
  Error error(ExitCode::kUnresolvable, lines.size() == 1
                                           ? "PyTorch " + std::string(lines[0]->line) +
                                                 " was never built for CUDA " + wish.cuda + here
                                           : "no PyTorch that satisfies '" + wish.torch_text +
                                                 "' was built for CUDA " + wish.cuda + here);
  std::string exists;
  for (const auto* line : lines) {
    exists += (exists.empty() ? "PyTorch " : "; ") + std::string(line->line) + " exists for CUDA " +
              words(cuda_of(*line, wish.platform));
  }
  error.why(exists);
  std::vector<std::string_view> with_cuda;
  for (const auto& build : torch_builds()) {
    if (has(cuda_of(build, wish.platform), wish.cuda)) with_cuda.push_back(build.line);
  }
  if (with_cuda.empty()) {
    error.hint("no PyTorch known here was built for CUDA " + wish.cuda + here);
  } else if (with_cuda.size() == 1) {
    error.hint("CUDA " + wish.cuda + here + " exists for PyTorch " + std::string(with_cuda[0]) +
               " alone");
  } else {
    error.hint("CUDA " + wish.cuda + here + " exists for PyTorch " + words(with_cuda));
  }
  throw std::move(error.hint(table_hint()));
}

void check_python(const TorchWish& wish, const std::vector<const TorchBuild*>& lines) {
  const auto python = PythonVersion::parse(wish.python);
  if (!python || python->release().size() < 2 || lines.empty()) return;
  const uint64_t minor = python->release()[1];
  unsigned lowest = 1000;
  unsigned highest = 0;
  for (const auto* line : lines) {
    if (minor >= line->min_python_minor && minor <= line->max_python_minor) return;
    lowest = std::min(lowest, line->min_python_minor);
    highest = std::max(highest, line->max_python_minor);
  }
  throw Error(ExitCode::kUnresolvable, "no PyTorch that satisfies '" + wish.torch_text +
                                           "' was built for Python 3." + std::to_string(minor))
      .why("it exists for Python 3." + std::to_string(lowest) + " to 3." + std::to_string(highest))
      .hint(table_hint());
}

}  // namespace

std::vector<std::string> check_torch(const TorchWish& wish) {
  std::vector<const TorchBuild*> lines = fitting(wish.torch);
  const bool newer = may_be_newer(wish.torch);
  if (lines.empty() || newer) {
    if (wish.cuda.empty() || !newer) return {};
    return {"'" + wish.torch_text + "' may be a PyTorch that is not known to the table of " +
            kTorchBuildsDate + "; whether it exists for CUDA " + wish.cuda +
            " shows when it resolves"};
  }
  check_python(wish, lines);
  if (wish.cuda.empty()) return {};
  std::vector<const TorchBuild*> known;
  for (const auto* line : lines) {
    if (!cuda_of(*line, wish.platform).empty()) known.push_back(line);
    if (has(cuda_of(*line, wish.platform), wish.cuda)) return {};
  }
  if (known.size() < lines.size()) {
    return {"the CUDA versions of '" + wish.torch_text + "' for " + wish.platform +
            " are not known to the table of " + kTorchBuildsDate};
  }
  fail_cuda(wish, known);
}

}  // namespace eb
