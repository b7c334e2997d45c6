// Compares the exporter's declarations of NVML with NVIDIA's header: nothing is run, it compiles or
// it does not. Built where nvml.h is found.
#include <nvml.h>

#include <cstddef>
#include <type_traits>

#include "runtime/metrics/nvml_abi.hpp"

namespace {

// What the x86_64 and aarch64 calling conventions see: an enum is passed like an int, a pointer to
// a struct like any other pointer.
template <typename T>
struct Lowered {
  using type =
      std::conditional_t<std::is_enum_v<T>, int,
                         std::conditional_t<std::is_class_v<T> || std::is_union_v<T>, void, T>>;
};
template <typename T>
struct Lowered<const T> {
  using type = const typename Lowered<T>::type;
};
template <typename T>
struct Lowered<T*> {
  using type = typename Lowered<T>::type*;
};
template <typename R, typename... A>
struct Lowered<R(A...)> {
  using type = typename Lowered<R>::type(typename Lowered<A>::type...);
};

// nvmlDeviceGetCurrentClocksThrottleReasons and others are deprecated in new headers, not gone.
#define EB_SAME(name)                                                                          \
  static_assert(std::is_same_v<Lowered<eb::abi::name>::type, Lowered<decltype(::name)>::type>, \
                #name " has another type");
#define EB_SIZE(ours, theirs) static_assert(sizeof(eb::abi::ours) == sizeof(theirs), #theirs);
#define EB_OFFSET(ours, our_member, theirs, their_member)                              \
  static_assert(offsetof(eb::abi::ours, our_member) == offsetof(theirs, their_member), \
                #theirs "." #their_member);

EB_SAME(nvmlInit_v2)
EB_SAME(nvmlShutdown)
EB_SAME(nvmlErrorString)
EB_SAME(nvmlSystemGetDriverVersion)
EB_SAME(nvmlDeviceGetCount_v2)
EB_SAME(nvmlDeviceGetHandleByIndex_v2)
EB_SAME(nvmlDeviceGetUUID)
EB_SAME(nvmlDeviceGetName)
EB_SAME(nvmlDeviceGetPciInfo_v3)
EB_SAME(nvmlDeviceGetMinorNumber)
EB_SAME(nvmlDeviceGetTemperature)
EB_SAME(nvmlDeviceGetPowerUsage)
EB_SAME(nvmlDeviceGetEnforcedPowerLimit)
EB_SAME(nvmlDeviceGetTotalEnergyConsumption)
EB_SAME(nvmlDeviceGetClockInfo)
EB_SAME(nvmlDeviceGetUtilizationRates)
EB_SAME(nvmlDeviceGetEncoderUtilization)
EB_SAME(nvmlDeviceGetDecoderUtilization)
EB_SAME(nvmlDeviceGetMemoryInfo)
EB_SAME(nvmlDeviceGetMemoryInfo_v2)
EB_SAME(nvmlDeviceGetPcieReplayCounter)
EB_SAME(nvmlDeviceGetRemappedRows)
EB_SAME(nvmlDeviceGetTotalEccErrors)
EB_SAME(nvmlDeviceGetFieldValues)
EB_SAME(nvmlDeviceGetCurrentClocksThrottleReasons)
EB_SAME(nvmlDeviceGetMigMode)
EB_SAME(nvmlDeviceGetMaxMigDeviceCount)
EB_SAME(nvmlDeviceGetMigDeviceHandleByIndex)
EB_SAME(nvmlDeviceGetGpuInstanceId)
EB_SAME(nvmlDeviceGetComputeRunningProcesses_v3)
EB_SAME(nvmlEventSetCreate)
EB_SAME(nvmlEventSetFree)
EB_SAME(nvmlDeviceRegisterEvents)
EB_SAME(nvmlEventSetWait_v2)
EB_SAME(nvmlGpmQueryDeviceSupport)
EB_SAME(nvmlGpmSampleAlloc)
EB_SAME(nvmlGpmSampleFree)
EB_SAME(nvmlGpmSampleGet)
EB_SAME(nvmlGpmMigSampleGet)
EB_SAME(nvmlGpmMetricsGet)

EB_SIZE(NvmlPciInfo, nvmlPciInfo_t)
EB_OFFSET(NvmlPciInfo, bus_id, nvmlPciInfo_t, busId)
EB_SIZE(NvmlUtilization, nvmlUtilization_t)
EB_SIZE(NvmlMemory, nvmlMemory_t)
EB_OFFSET(NvmlMemory, used, nvmlMemory_t, used)
EB_SIZE(NvmlMemory_v2, nvmlMemory_v2_t)
EB_OFFSET(NvmlMemory_v2, reserved, nvmlMemory_v2_t, reserved)
EB_OFFSET(NvmlMemory_v2, used, nvmlMemory_v2_t, used)
static_assert(eb::abi::kMemoryVersion2 == nvmlMemory_v2);
EB_SIZE(NvmlProcessInfo, nvmlProcessInfo_t)
EB_OFFSET(NvmlProcessInfo, used_gpu_memory, nvmlProcessInfo_t, usedGpuMemory)
EB_SIZE(NvmlEventData, nvmlEventData_t)
EB_OFFSET(NvmlEventData, event_data, nvmlEventData_t, eventData)
EB_SIZE(NvmlValue, nvmlValue_t)
EB_SIZE(NvmlFieldValue, nvmlFieldValue_t)
EB_OFFSET(NvmlFieldValue, scope_id, nvmlFieldValue_t, scopeId)
EB_OFFSET(NvmlFieldValue, value_type, nvmlFieldValue_t, valueType)
EB_OFFSET(NvmlFieldValue, result, nvmlFieldValue_t, nvmlReturn)
EB_OFFSET(NvmlFieldValue, value, nvmlFieldValue_t, value)
EB_SIZE(NvmlGpmMetric, nvmlGpmMetric_t)
EB_OFFSET(NvmlGpmMetric, value, nvmlGpmMetric_t, value)
EB_OFFSET(NvmlGpmMetricsGet, metrics, nvmlGpmMetricsGet_t, metrics)
EB_OFFSET(NvmlGpmMetricsGet, sample2, nvmlGpmMetricsGet_t, sample2)
static_assert(sizeof(eb::abi::NvmlGpmMetricsGet) >= sizeof(nvmlGpmMetricsGet_t),
              "longer than NVML's");
EB_SIZE(NvmlGpmSupport, nvmlGpmSupport_t)

static_assert(eb::abi::kNvmlSuccess == NVML_SUCCESS);
static_assert(eb::abi::kNvmlUninitialized == NVML_ERROR_UNINITIALIZED);
static_assert(eb::abi::kNvmlNotSupported == NVML_ERROR_NOT_SUPPORTED);
static_assert(eb::abi::kNvmlInsufficientSize == NVML_ERROR_INSUFFICIENT_SIZE);
static_assert(eb::abi::kNvmlDriverNotLoaded == NVML_ERROR_DRIVER_NOT_LOADED);
static_assert(eb::abi::kNvmlTimeout == NVML_ERROR_TIMEOUT);
static_assert(eb::abi::kNvmlGpuIsLost == NVML_ERROR_GPU_IS_LOST);
static_assert(eb::abi::kNvmlResetRequired == NVML_ERROR_RESET_REQUIRED);
static_assert(eb::abi::kNvmlLibRmVersionMismatch == NVML_ERROR_LIB_RM_VERSION_MISMATCH);
static_assert(eb::abi::kUuidBytes == NVML_DEVICE_UUID_V2_BUFFER_SIZE);
static_assert(eb::abi::kNameBytes == NVML_DEVICE_NAME_V2_BUFFER_SIZE);
static_assert(eb::abi::kVersionBytes == NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE);
static_assert(eb::abi::kTemperatureGpu == NVML_TEMPERATURE_GPU);
static_assert(eb::abi::kClockSm == NVML_CLOCK_SM);
static_assert(eb::abi::kClockMemory == NVML_CLOCK_MEM);
static_assert(eb::abi::kEccCorrected == NVML_MEMORY_ERROR_TYPE_CORRECTED);
static_assert(eb::abi::kEccUncorrected == NVML_MEMORY_ERROR_TYPE_UNCORRECTED);
static_assert(eb::abi::kEccVolatile == NVML_VOLATILE_ECC);
static_assert(eb::abi::kEventXid == nvmlEventTypeXidCriticalError);
static_assert(eb::abi::kFieldMemoryTemperature == NVML_FI_DEV_MEMORY_TEMP);
static_assert(eb::abi::kFieldNvlinkTransmitKib == NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX);
static_assert(eb::abi::kFieldNvlinkReceiveKib == NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX);
static_assert(eb::abi::kMigEnabled == NVML_DEVICE_MIG_ENABLE);
static_assert(eb::abi::kMemoryNotAvailable ==
              static_cast<unsigned long long>(NVML_VALUE_NOT_AVAILABLE));
static_assert(int{eb::abi::kDouble} == int{NVML_VALUE_TYPE_DOUBLE});
static_assert(int{eb::abi::kUnsigned} == int{NVML_VALUE_TYPE_UNSIGNED_INT});
static_assert(int{eb::abi::kUnsignedLong} == int{NVML_VALUE_TYPE_UNSIGNED_LONG});
static_assert(int{eb::abi::kUnsignedLongLong} == int{NVML_VALUE_TYPE_UNSIGNED_LONG_LONG});
static_assert(int{eb::abi::kLongLong} == int{NVML_VALUE_TYPE_SIGNED_LONG_LONG});
static_assert(int{eb::abi::kInt} == int{NVML_VALUE_TYPE_SIGNED_INT});
static_assert(eb::abi::kGpmGraphicsUtil == NVML_GPM_METRIC_GRAPHICS_UTIL);
static_assert(eb::abi::kGpmSmUtil == NVML_GPM_METRIC_SM_UTIL);
static_assert(eb::abi::kGpmSmOccupancy == NVML_GPM_METRIC_SM_OCCUPANCY);
static_assert(eb::abi::kGpmAnyTensorUtil == NVML_GPM_METRIC_ANY_TENSOR_UTIL);
static_assert(eb::abi::kGpmDramBandwidthUtil == NVML_GPM_METRIC_DRAM_BW_UTIL);
static_assert(eb::abi::kGpmMetricsGetVersion == NVML_GPM_METRICS_GET_VERSION);
static_assert(eb::abi::kGpmSupportVersion == NVML_GPM_SUPPORT_VERSION);

}  // namespace
