#pragma once

#include <string>
#include <vector>

#include "installer/driver/driver_probe.hpp"
#include "installer/driver/gpu_demand.hpp"

namespace eb {

enum class VerdictKind {
  kNotNeeded,        ///< the bundle holds no CUDA
  kOk,               ///< all of it works with this driver
  kLimited,          ///< works inside minor-version compatibility; `notes` say what will not
  kTooOld,           ///< the driver is older than what the bundle needs
  kNoDriver,         ///< no GPU, no driver or no way to it here; `reason` says which
  kGpuNotSupported,  ///< the bundle has no code for this GPU
  kCannotTell,
};

/// "not-needed", "ok", "limited", "too-old", "no-driver", "gpu-not-supported", "cannot-tell": for
/// JSON; never changed.
const char* verdict_name(VerdictKind kind);

/// Whether a bundle and this machine fit, for people and for programs.
struct Verdict {
  VerdictKind kind = VerdictKind::kNotNeeded;
  /// Finer than `kind`, for JSON; empty where nothing is finer. no-driver: no-gpu, no-module,
  /// other-driver, gpu-excluded, gpu-not-served, no-device-nodes, container-without-devices.
  /// limited: minor-version, compat. too-old: floor, ptx-only. cannot-tell: wsl, jetson,
  /// version-unreadable, cuda-unknown.
  std::string reason;
  std::string summary;                ///< one line, no final period
  std::vector<std::string> hazards;   ///< what makes use of the GPU fail although `kind` is good
  std::vector<std::string> notes;     ///< details; one sentence each, no final period
  std::vector<std::string> remedies;  ///< what to do next, most useful first
  std::string required_driver;        ///< exact minimum; empty = unknown or none
  std::string recommended_driver;     ///< from it on no limits; empty = unknown
  std::string fitting_build;          ///< what would fit instead; empty = none known, or not needed
  /// Could this process use a GPU now? Asks devices, permissions and environment alone: a GPU
  /// behind a driver that is too old counts, and `kind` says the rest.
  bool is_testable = false;
  std::string why_not_testable;  ///< empty when it is testable
};

/// Pure: the same answer for the same arguments, on any machine.
Verdict judge(const GpuDemand& demand, const DriverProbe& probe);

/// For a warning before an install: one line, empty when nothing is wrong. A machine without any
/// GPU gives none (a login node).
std::string verdict_warning(const Verdict& verdict);

}  // namespace eb
