#pragma once

#include <string>

#include "runtime/metrics/nvml_abi.hpp"

// Every function of NVML that the exporter calls, once.
#define EB_NVML_FUNCTIONS(DO)                   \
  DO(nvmlInit_v2)                               \
  DO(nvmlShutdown)                              \
  DO(nvmlErrorString)                           \
  DO(nvmlSystemGetDriverVersion)                \
  DO(nvmlDeviceGetCount_v2)                     \
  DO(nvmlDeviceGetHandleByIndex_v2)             \
  DO(nvmlDeviceGetUUID)                         \
  DO(nvmlDeviceGetName)                         \
  DO(nvmlDeviceGetPciInfo_v3)                   \
  DO(nvmlDeviceGetMinorNumber)                  \
  DO(nvmlDeviceGetTemperature)                  \
  DO(nvmlDeviceGetPowerUsage)                   \
  DO(nvmlDeviceGetEnforcedPowerLimit)           \
  DO(nvmlDeviceGetTotalEnergyConsumption)       \
  DO(nvmlDeviceGetClockInfo)                    \
  DO(nvmlDeviceGetUtilizationRates)             \
  DO(nvmlDeviceGetEncoderUtilization)           \
  DO(nvmlDeviceGetDecoderUtilization)           \
  DO(nvmlDeviceGetMemoryInfo)                   \
  DO(nvmlDeviceGetMemoryInfo_v2)                \
  DO(nvmlDeviceGetPcieReplayCounter)            \
  DO(nvmlDeviceGetRemappedRows)                 \
  DO(nvmlDeviceGetTotalEccErrors)               \
  DO(nvmlDeviceGetFieldValues)                  \
  DO(nvmlDeviceGetCurrentClocksThrottleReasons) \
  DO(nvmlDeviceGetMigMode)                      \
  DO(nvmlDeviceGetMaxMigDeviceCount)            \
  DO(nvmlDeviceGetMigDeviceHandleByIndex)       \
  DO(nvmlDeviceGetGpuInstanceId)                \
  DO(nvmlDeviceGetComputeRunningProcesses_v3)   \
  DO(nvmlEventSetCreate)                        \
  DO(nvmlEventSetFree)                          \
  DO(nvmlDeviceRegisterEvents)                  \
  DO(nvmlEventSetWait_v2)                       \
  DO(nvmlGpmQueryDeviceSupport)                 \
  DO(nvmlGpmSampleAlloc)                        \
  DO(nvmlGpmSampleFree)                         \
  DO(nvmlGpmSampleGet)                          \
  DO(nvmlGpmMigSampleGet)                       \
  DO(nvmlGpmMetricsGet)

namespace eb::metrics {

/// Why NVML as a whole gives nothing.
struct NvmlProblem {
  std::string
      reason;  ///< one of few words, for a label: "library_not_found", "driver_not_loaded", …
  std::string detail;  ///< for people
};

/// libnvidia-ml.so.1, the part of NVML that belongs to the driver. A function that this driver does
/// not have is nullptr. The library is never unloaded.
struct NvmlApi {
#define EB_NVML_POINTER(name) abi::name* name = nullptr;
  EB_NVML_FUNCTIONS(EB_NVML_POINTER)
#undef EB_NVML_POINTER

  /// Throws NvmlProblem when it is not there, or lacks what no metric can do without.
  static NvmlApi open(const std::string& library);
  /// "the driver is not loaded (NVML 9)".
  std::string text(abi::nvmlReturn code) const;
};

/// The label value for an answer of NVML: "gpu_is_lost"; "nvml_error_N" for those that have no
/// word.
std::string nvml_reason(abi::nvmlReturn code);

/// What `function` answers, kNvmlNotSupported where the driver does not have it.
template <typename Function, typename... Arguments>
abi::nvmlReturn ask(Function* function, Arguments... arguments) {
  return function == nullptr ? abi::kNvmlNotSupported : function(arguments...);
}

}  // namespace eb::metrics
