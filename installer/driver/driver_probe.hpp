#pragma once

#include <string>
#include <utility>
#include <vector>

#include "installer/driver/device_node.hpp"
#include "installer/driver/gpu.hpp"
#include "installer/driver/host_library.hpp"
#include "installer/driver/kernel_module.hpp"
#include "installer/driver/surroundings.hpp"

namespace eb {

/// What this machine tells of NVIDIA hardware and driver without loading a library (FACTS §3).
struct DriverProbe {
  KernelModule module;
  std::vector<Gpu> gpus;
  unsigned nv_switches = 0;
  DriverNodes nodes;
  std::vector<HostLibcuda> libcuda;  ///< first the one that a program gets
  int glibc_minor = 0;               ///< of the host's glibc 2.N; 0 = none or unknown
  Surroundings around;
  int dxg_access_error = 0;  ///< for /dev/dxg under WSL

  /// The first libcuda that is no stub; nullptr when there is none.
  const HostLibcuda* usable_libcuda() const;
};

/// Looks below `root` ("" = /). Never throws; reads are bounded; no device is opened.
DriverProbe probe_driver(Sys& sys, const std::string& root, const ProbeEnvironment& environment);

/// For a table of people: label and text, e.g. {"driver", "550.144.03, open kernel module"}. Labels
/// repeat where there are more of a kind.
std::vector<std::pair<std::string, std::string>> probe_rows(const DriverProbe& probe);

}  // namespace eb
