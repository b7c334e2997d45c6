#include "installer/driver/kernel_module.hpp"

#include <sstream>

#include "installer/driver/driver_rules.hpp"

namespace eb {
namespace {

constexpr char kModuleVersion[] = "/sys/module/nvidia/version";
constexpr char kModuleTaint[] = "/sys/module/nvidia/taint";
constexpr char kProcVersion[] = "/proc/driver/nvidia/version";

bool is_tegra(const HostFiles& files) {
  if (files.exists("/etc/nv_tegra_release")) return true;
  const auto compatible = files.read("/proc/device-tree/compatible", 4096);
  return compatible && compatible->find("nvidia,tegra") != std::string::npos;
}

}  // namespace

const char* flavour_name(ModuleFlavour flavour) {
  switch (flavour) {
    case ModuleFlavour::kOpen:
      return "open";
    case ModuleFlavour::kProprietary:
      return "proprietary";
    case ModuleFlavour::kJetson:
      return "jetson";
    case ModuleFlavour::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<NvrmLine> parse_nvrm_line(std::string_view text) {
  const std::string line(text.substr(0, text.find('\n')));
  if (!line.starts_with("NVRM version:")) return std::nullopt;
  NvrmLine out;
  if (line.find("Open Kernel Module") != std::string::npos) {
    out.flavour = ModuleFlavour::kOpen;
  } else if (line.find("Kernel Module") != std::string::npos) {
    out.flavour = ModuleFlavour::kProprietary;
  }
  // The words before it differ by module and architecture ("x86_64", "for aarch64"), and copies
  // lose double blanks: the version is the first word that looks like one.
  std::istringstream words(line);
  std::string word;
  while (words >> word) {
    if (is_driver_version(word)) {
      out.version = word;
      break;
    }
  }
  return out;
}

KernelModule read_kernel_module(const HostFiles& files) {
  KernelModule out;
  if (files.exists(kModuleVersion)) {
    out.is_loaded = true;
    out.source = kModuleVersion;
    if (const std::string line = files.first_line(kModuleVersion); is_driver_version(line)) {
      out.version = line;
    }
  }
  // A built-in module has no /sys/module/nvidia/version.
  if (const auto text = files.read(kProcVersion, 4096)) {
    const auto line = parse_nvrm_line(*text);
    if (out.version.empty()) {
      out.is_loaded = true;
      out.source = kProcVersion;
      if (line) out.version = line->version;
    }
    if (line) out.flavour = line->flavour;
  }
  if (out.is_loaded && out.flavour == ModuleFlavour::kUnknown) {
    // Of the two only the open module is no proprietary one to the kernel (taint P).
    const std::string taint = files.first_line(kModuleTaint);
    if (!taint.empty()) {
      out.flavour =
          taint.find('P') == std::string::npos ? ModuleFlavour::kOpen : ModuleFlavour::kProprietary;
    }
  }
  if (is_tegra(files)) out.flavour = ModuleFlavour::kJetson;
  return out;
}

}  // namespace eb
