#pragma once

#include <map>
#include <string>
#include <vector>

#include "installer/driver/capability.hpp"

namespace eb {

/// What a bundle asks of GPU and driver, from the meta keys of its index. A value that breaks its
/// key's rule is as if it were not there: the verdict then says less, and nothing wrong.
struct GpuDemand {
  std::string cuda;                ///< `cuda`: 12.8
  std::string min_driver;          ///< `min-driver`: 525.60.13
  std::string recommended_driver;  ///< `recommended-driver`: 570.124.06
  std::vector<Capability> sass;    ///< `gpu-sass`; empty = not told
  std::vector<Capability> ptx;     ///< `gpu-ptx`; empty = none
  std::string glibc_needed;        ///< `glibc-needed`: 2.28, by the bundle's own files
  std::string glibc;               ///< `glibc`: version of the glibc that the bundle brings
  std::string cuda_compat;         ///< `cuda-compat`: 575.57.08, version of lib/cuda-compat

  /// Does the bundle hold CUDA at all?
  bool needs_gpu() const { return !cuda.empty() || !min_driver.empty(); }
};

GpuDemand gpu_demand(const std::map<std::string, std::string>& meta);

}  // namespace eb
