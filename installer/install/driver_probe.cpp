#include "installer/install/driver_probe.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/version.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr char kModuleVersion[] = "/sys/module/nvidia/version";
constexpr char kProcVersion[] = "/proc/driver/nvidia/version";

// ^\d{3,}\.\d+(\.\d+)?$
bool is_driver_version(const std::string& token) {
  const size_t dot = token.find('.');
  return dot != std::string::npos && dot >= 3 && DottedVersion::parse(token) &&
         std::ranges::count(token, '.') <= 2;
}

uint32_t hex_value(Sys& sys, const std::string& path) {
  const std::string text = trimmed(read_small_file(sys, AT_FDCWD, path, 64).value_or(""));
  uint32_t value = 0;
  if (text.starts_with("0x"))
    std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  return value;
}

unsigned count_gpus(Sys& sys, const std::string& root) {
  const std::string folder = root + "/sys/bus/pci/devices";
  std::vector<DirEntry> devices;
  try {
    const Fd fd = open_at(sys, AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY, 0, folder);
    if (sys.list(fd.get(), &devices) < 0) return 0;
  } catch (const Error&) {
    return 0;
  }
  unsigned count = 0;
  for (const DirEntry& device : devices) {
    const std::string at = folder + "/" + device.name;
    if (hex_value(sys, at + "/vendor") == 0x10de &&
        (hex_value(sys, at + "/class") & 0xff0000) == 0x030000) {
      ++count;
    }
  }
  return count;
}

std::string gpus_text(unsigned count) { return count_text(count, "NVIDIA GPU", "NVIDIA GPUs"); }

}  // namespace

std::optional<std::string> parse_nvrm_version(const std::string& text) {
  std::istringstream in(text.substr(0, text.find('\n')));
  std::string token;
  in >> token;
  if (token != "NVRM") return std::nullopt;
  // The words between differ by module and architecture (x86_64, "for aarch64"): the version is the
  // first that looks like one. Blanks are not to be relied on.
  while (in >> token) {
    if (is_driver_version(token)) return token;
  }
  return std::nullopt;
}

DriverFacts read_driver(Sys& sys, const std::string& root) {
  DriverFacts out;
  if (const auto text = read_small_file(sys, AT_FDCWD, root + kModuleVersion, 256)) {
    out.source = kModuleVersion;
    if (const std::string version = trimmed(*text); is_driver_version(version)) {
      out.version = version;
    }
  }
  // Built-in modules have no /sys/module/nvidia/version.
  if (out.version.empty()) {
    if (const auto text = read_small_file(sys, AT_FDCWD, root + kProcVersion, 4096)) {
      out.source = kProcVersion;
      out.version = parse_nvrm_version(*text).value_or("");
    }
  }
  out.pci_gpus = count_gpus(sys, root);
  struct stat info {};
  out.is_wsl = sys.fstatat(AT_FDCWD, (root + "/dev/dxg").c_str(), &info, 0) == 0;
  return out;
}

DriverReport judge_driver(DriverFacts facts, const std::string& min_driver) {
  DriverReport out;
  out.required = min_driver;
  const auto needed = DottedVersion::parse(min_driver);
  const auto found = DottedVersion::parse(facts.version);
  if (!needed) {
    out.state = DriverState::kNotNeeded;
  } else if (found) {
    out.state = *found < *needed ? DriverState::kTooOld : DriverState::kOk;
  } else if (!facts.source.empty()) {
    out.state = DriverState::kUnknown;
  } else {
    out.state = facts.pci_gpus > 0 || facts.is_wsl ? DriverState::kNoDriver : DriverState::kNoGpu;
  }
  out.facts = std::move(facts);
  return out;
}

std::string driver_text(const DriverReport& report) {
  const DriverFacts& facts = report.facts;
  const std::string with =
      "NVIDIA " + facts.version + (facts.pci_gpus > 0 ? ", " + gpus_text(facts.pci_gpus) : "");
  switch (report.state) {
    case DriverState::kNotNeeded:
      return facts.version.empty() ? "not needed" : "not needed (" + with + ")";
    case DriverState::kOk:
      return with + " (" + report.required + " or newer is needed)";
    case DriverState::kTooOld:
      return with + ": too old, " + report.required + " or newer is needed";
    case DriverState::kNoDriver:
      return (facts.is_wsl ? std::string("cannot be seen under WSL")
                           : "none here, though there is " + gpus_text(facts.pci_gpus)) +
             " (" + report.required + " or newer is needed)";
    case DriverState::kNoGpu:
      return "none here, and no NVIDIA GPU: runs on the CPU; on a GPU machine " + report.required +
             " or newer is needed";
    case DriverState::kUnknown:
      return "loaded, but its version cannot be read (" + report.required + " or newer is needed)";
  }
  return {};
}

std::string driver_warning(const DriverReport& report) {
  switch (report.state) {
    case DriverState::kTooOld:
      return "the NVIDIA driver " + report.facts.version + " is older than " + report.required +
             ": the environment works on the CPU, GPU use will fail until the driver is updated";
    case DriverState::kNoDriver:
      if (report.facts.is_wsl) return {};
      return "there is " + gpus_text(report.facts.pci_gpus) +
             " but no NVIDIA driver: the environment works on the CPU, GPU use needs driver " +
             report.required + " or newer";
    case DriverState::kNotNeeded:
    case DriverState::kOk:
    case DriverState::kNoGpu:
    case DriverState::kUnknown:
      return {};
  }
  return {};
}

const char* driver_state_name(DriverState state) {
  switch (state) {
    case DriverState::kNotNeeded:
      return "not-needed";
    case DriverState::kOk:
      return "ok";
    case DriverState::kTooOld:
      return "too-old";
    case DriverState::kNoDriver:
      return "no-driver";
    case DriverState::kNoGpu:
      return "no-gpu";
    case DriverState::kUnknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace eb
