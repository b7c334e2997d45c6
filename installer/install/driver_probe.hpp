#pragma once

#include <optional>
#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// What /proc and /sys tell of NVIDIA hardware and driver (FACTS §3.1).
struct DriverFacts {
  std::string version;    ///< e.g. 550.144.03; empty = no driver, or one without a version
  std::string source;     ///< the file that told; empty = no driver
  unsigned pci_gpus = 0;  ///< display controllers of vendor 0x10de, with or without driver
  bool is_wsl = false;    ///< /dev/dxg is there: the driver is Windows' and shows no files
};

/// Looks below `root` ("" = /). Never fails: what cannot be read is not there.
DriverFacts read_driver(Sys& sys, const std::string& root);

/// The version in the first line of /proc/driver/nvidia/version; nullopt when there is none.
std::optional<std::string> parse_nvrm_version(const std::string& text);

enum class DriverState {
  kNotNeeded,  ///< the bundle states no minimum
  kOk,
  kTooOld,
  kNoDriver,  ///< a GPU is there, or the driver is of a kind that cannot be seen
  kNoGpu,     ///< neither: a login node, perhaps
  kUnknown,   ///< a driver without a readable version
};

struct DriverReport {
  DriverState state = DriverState::kNotNeeded;
  DriverFacts facts;
  std::string required;  ///< the bundle's minimum; empty = none
};

/// `min_driver` is the bundle's meta value, empty when it has none. The seam for the full check:
/// what is decided here stops no install.
DriverReport judge_driver(DriverFacts facts, const std::string& min_driver);

/// One line for a report, e.g. "550.144.03, 2 GPUs (525.60.13 or newer is needed)".
std::string driver_text(const DriverReport& report);
/// For a warning; empty when nothing is wrong.
std::string driver_warning(const DriverReport& report);
/// "ok", "too-old", …: for JSON.
const char* driver_state_name(DriverState state);

}  // namespace eb
