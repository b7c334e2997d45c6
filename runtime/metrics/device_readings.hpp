#pragma once

#include <vector>

#include "runtime/metrics/gpu_sample.hpp"
#include "runtime/metrics/nvml_api.hpp"

namespace eb::metrics {

/// The figures of a GPU, or of a MIG device where it has them. `*worst` becomes kNvmlGpuIsLost or
/// kNvmlResetRequired when an answer said so; other refusals leave a figure out.
std::vector<Reading> device_readings(const NvmlApi& nvml, abi::nvmlDevice device,
                                     abi::nvmlReturn* worst);

/// Only its memory, which is all that NVML has for a MIG device.
std::vector<Reading> memory_readings(const NvmlApi& nvml, abi::nvmlDevice device,
                                     abi::nvmlReturn* worst);

/// Processes with a CUDA context on it; those that the driver hides are not there.
std::vector<GpuProcess> device_processes(const NvmlApi& nvml, abi::nvmlDevice device);

}  // namespace eb::metrics
