#include "installer/driver/driver_rules.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace eb {
namespace {

DottedVersion dotted(std::string_view text) {
  return DottedVersion::parse(text).value_or(*DottedVersion::parse("0"));
}

bool is_newer_or_same(std::string_view one, std::string_view two) {
  return dotted(one) >= dotted(two);
}

// 12.8 for both 12.8 and 12.8.1.
std::string_view minor_text(std::string_view version) {
  const size_t first = version.find('.');
  if (first == std::string_view::npos) return version;
  return version.substr(0, version.find('.', first + 1));
}

bool build_has_code_for(const TorchBuild& build, const Capability& gpu) {
  const auto sass = parse_capabilities(build.sass).value_or(std::vector<Capability>{});
  if (sass.empty()) return gpu.major >= 5 && gpu.major <= 9;
  const auto ptx = parse_capabilities(build.ptx).value_or(std::vector<Capability>{});
  return std::ranges::any_of(sass, [&](const auto& code) { return code_runs_on(code, gpu); }) ||
         std::ranges::any_of(ptx, [&](const auto& code) { return ptx_runs_on(code, gpu); });
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_part(text[at - 1])) && (end == text.size() || !is_part(text[end]))) {
      return true;
    }
  }
  return false;
}

}  // namespace

int major_of(std::string_view version) {
  int value = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), value);
  return error == std::errc() && value > 0 ? value : 0;
}

bool is_driver_version(std::string_view text) {
  const size_t dot = text.find('.');
  return dot != std::string_view::npos && dot >= 3 && DottedVersion::parse(text) &&
         std::ranges::count(text, '.') <= 2;
}

std::optional<ToolkitNeeds> needs_of_toolkit(std::string_view cuda) {
  std::optional<ToolkitNeeds> out;
  for (const ToolkitRule& rule : rule_tables().toolkits) {
    if (major_of(rule.cuda) != major_of(cuda)) continue;
    // Rows ascend, so without an exact one the newest of the major version stays.
    if (!out || !out->is_known) out = ToolkitNeeds{.floor = rule.floor, .recommended = {}};
    const bool is_it = cuda == minor_text(cuda) ? minor_text(rule.cuda) == cuda : rule.cuda == cuda;
    if (is_it && !out->is_known) {
      // The first driver of a minor version already has the whole of its CUDA.
      out = ToolkitNeeds{.floor = rule.floor, .recommended = rule.driver, .is_known = true};
    }
  }
  return out;
}

DriverCuda cuda_of_driver(std::string_view driver) {
  DriverCuda out;
  for (const BranchRule& rule : rule_tables().branches) {
    if (rule.branch > major_of(driver)) break;
    out = {.version = rule.cuda, .is_at_least = rule.branch != major_of(driver)};
  }
  return out;
}

int newest_cuda_major_for(std::string_view driver) {
  int newest = 0;
  for (const ToolkitRule& rule : rule_tables().toolkits) {
    if (is_newer_or_same(driver, rule.floor)) newest = std::max(newest, major_of(rule.cuda));
  }
  return newest;
}

CompatAnswer compat_works_on(std::string_view compat, std::string_view driver) {
  if (!is_driver_version(compat) || !is_driver_version(driver)) return CompatAnswer::kNo;
  const int host = major_of(driver);
  for (const CompatRule& rule : rule_tables().compat) {
    if (rule.branch != major_of(compat)) continue;
    const bool is_listed = std::ranges::find(rule.hosts, host) != rule.hosts.end();
    return is_listed && dotted(compat) > dotted(driver) ? CompatAnswer::kYes : CompatAnswer::kNo;
  }
  return host < major_of(compat) ? CompatAnswer::kUnlisted : CompatAnswer::kNo;
}

bool refuses_compat(std::string_view gpu_name) {
  return std::ranges::any_of(rule_tables().never_compat,
                             [&](const char* word) { return has_word(gpu_name, word); });
}

const TorchBuild* newest_torch_for(std::string_view driver, std::optional<Capability> gpu) {
  const TorchBuild* best = nullptr;
  for (const TorchBuild& build : rule_tables().torch) {
    const auto needs = needs_of_toolkit(build.cuda);
    if (!needs || (!driver.empty() && !is_newer_or_same(driver, needs->floor))) continue;
    if (gpu && !build_has_code_for(build, *gpu)) continue;
    best = &build;  // rows ascend
  }
  return best;
}

std::string torch_build_text(const TorchBuild& build) {
  std::string variant = build.cuda;
  std::erase(variant, '.');
  return std::string("PyTorch ") + build.torch + " with CUDA " + build.cuda + " (cu" + variant +
         ")";
}

const GenerationRule* rule_of_generation(std::string_view generation) {
  for (const GenerationRule& rule : rule_tables().generations) {
    if (rule.generation == generation) return &rule;
  }
  return nullptr;
}

std::optional<GpuKind> kind_of_pci_id(uint16_t device) {
  for (const PciRange& range : rule_tables().pci) {
    if (device >= range.first && device <= range.last) {
      return GpuKind{.capability = Capability::parse(range.capability).value_or(Capability{}),
                     .generation = range.generation};
    }
  }
  return std::nullopt;
}

std::optional<GpuKind> kind_of_name(std::string_view name) {
  for (const NameRule& rule : rule_tables().names) {
    if (has_word(name, rule.word)) {
      return GpuKind{.capability = Capability::parse(rule.capability).value_or(Capability{}),
                     .generation = rule.generation};
    }
  }
  return std::nullopt;
}

}  // namespace eb
