#pragma once

// What the exporter uses of NVML, in the project's own words, because NVIDIA's header is not at
// hand where it is built. Function types carry the name of the exported symbol, so that
// tests/metrics/nvml_abi_check.cpp can compare both where the header is present.
// Source: "NVML API Reference Guide", nvml.h of CUDA 12.9.
namespace eb::abi {

using nvmlReturn = int;
struct NvmlDeviceOpaque;
using nvmlDevice = NvmlDeviceOpaque*;
struct NvmlEventSetOpaque;
using nvmlEventSet = NvmlEventSetOpaque*;
struct NvmlGpmSampleOpaque;
using nvmlGpmSample = NvmlGpmSampleOpaque*;

inline constexpr nvmlReturn kNvmlSuccess = 0;
inline constexpr nvmlReturn kNvmlUninitialized = 1;
inline constexpr nvmlReturn kNvmlNotSupported = 3;
inline constexpr nvmlReturn kNvmlInsufficientSize = 7;
inline constexpr nvmlReturn kNvmlDriverNotLoaded = 9;
inline constexpr nvmlReturn kNvmlTimeout = 10;
inline constexpr nvmlReturn kNvmlGpuIsLost = 15;
inline constexpr nvmlReturn kNvmlResetRequired = 16;
inline constexpr nvmlReturn kNvmlLibRmVersionMismatch = 18;

inline constexpr unsigned kUuidBytes = 96;
inline constexpr unsigned kNameBytes = 96;
inline constexpr unsigned kVersionBytes = 80;

inline constexpr int kTemperatureGpu = 0;
inline constexpr int kClockSm = 1;
inline constexpr int kClockMemory = 2;
inline constexpr int kEccCorrected = 0;
inline constexpr int kEccUncorrected = 1;
inline constexpr int kEccVolatile = 0;
inline constexpr unsigned long long kEventXid = 8;
inline constexpr unsigned kFieldMemoryTemperature = 82;
inline constexpr unsigned kFieldNvlinkTransmitKib = 138;
inline constexpr unsigned kFieldNvlinkReceiveKib = 139;
/// scopeId of the two NVLink fields: the sum over all links.
inline constexpr unsigned kAllLinks = ~0U;
inline constexpr unsigned kMigEnabled = 1;
inline constexpr unsigned kNoInstance = ~0U;
/// In usedGpuMemory: the driver does not say (another PID namespace, WSL).
inline constexpr unsigned long long kMemoryNotAvailable = ~0ULL;

struct NvmlPciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};
struct NvmlUtilization {
  unsigned gpu;     ///< percent
  unsigned memory;  ///< percent
};
struct NvmlMemory {
  unsigned long long total;  ///< bytes, as the others
  unsigned long long free;
  unsigned long long used;  ///< holds what the driver reserves
};
struct NvmlMemory_v2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};
inline constexpr unsigned kMemoryVersion2 = sizeof(NvmlMemory_v2) | (2U << 24U);
struct NvmlProcessInfo {
  unsigned pid;
  unsigned long long used_gpu_memory;
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};
struct NvmlEventData {
  nvmlDevice device;
  unsigned long long event_type;
  unsigned long long event_data;
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};
union NvmlValue {
  double as_double;
  int as_int;
  unsigned as_unsigned;
  unsigned long as_unsigned_long;
  unsigned long long as_unsigned_long_long;
  long long as_long_long;
  unsigned short as_unsigned_short;
};
/// nvmlValueType_t
enum NvmlValueType { kDouble, kUnsigned, kUnsignedLong, kUnsignedLongLong, kLongLong, kInt };
struct NvmlFieldValue {
  unsigned field_id;
  unsigned scope_id;
  long long timestamp;
  long long latency_usec;
  int value_type;
  nvmlReturn result;
  NvmlValue value;
};

// nvmlGpmMetricId_t, all in percent
inline constexpr unsigned kGpmGraphicsUtil = 1;
inline constexpr unsigned kGpmSmUtil = 2;
inline constexpr unsigned kGpmSmOccupancy = 3;
inline constexpr unsigned kGpmAnyTensorUtil = 5;
inline constexpr unsigned kGpmDramBandwidthUtil = 10;
inline constexpr unsigned kGpmMetricsGetVersion = 1;
inline constexpr unsigned kGpmSupportVersion = 1;
struct NvmlGpmMetric {
  unsigned metric_id;
  nvmlReturn result;
  double value;
  struct {
    char* short_name;
    char* long_name;
    char* unit;
  } info;
};
struct NvmlGpmMetricsGet {
  unsigned version;
  unsigned metric_count;
  nvmlGpmSample sample1;
  nvmlGpmSample sample2;
  /// NVML_GPM_METRIC_MAX of them, which grows with the driver (98, 210, 333); NVML touches the
  /// first metric_count only, and this is longer than any so far.
  NvmlGpmMetric metrics[512];
};
struct NvmlGpmSupport {
  unsigned version;
  unsigned is_supported;
};

using nvmlInit_v2 = nvmlReturn();
using nvmlShutdown = nvmlReturn();
using nvmlErrorString = const char*(nvmlReturn);
using nvmlSystemGetDriverVersion = nvmlReturn(char*, unsigned);
using nvmlDeviceGetCount_v2 = nvmlReturn(unsigned*);
using nvmlDeviceGetHandleByIndex_v2 = nvmlReturn(unsigned, nvmlDevice*);
using nvmlDeviceGetUUID = nvmlReturn(nvmlDevice, char*, unsigned);
using nvmlDeviceGetName = nvmlReturn(nvmlDevice, char*, unsigned);
using nvmlDeviceGetPciInfo_v3 = nvmlReturn(nvmlDevice, NvmlPciInfo*);
using nvmlDeviceGetMinorNumber = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetTemperature = nvmlReturn(nvmlDevice, int, unsigned*);
using nvmlDeviceGetPowerUsage = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetEnforcedPowerLimit = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetTotalEnergyConsumption = nvmlReturn(nvmlDevice, unsigned long long*);
using nvmlDeviceGetClockInfo = nvmlReturn(nvmlDevice, int, unsigned*);
using nvmlDeviceGetUtilizationRates = nvmlReturn(nvmlDevice, NvmlUtilization*);
using nvmlDeviceGetEncoderUtilization = nvmlReturn(nvmlDevice, unsigned*, unsigned*);
using nvmlDeviceGetDecoderUtilization = nvmlReturn(nvmlDevice, unsigned*, unsigned*);
using nvmlDeviceGetMemoryInfo = nvmlReturn(nvmlDevice, NvmlMemory*);
using nvmlDeviceGetMemoryInfo_v2 = nvmlReturn(nvmlDevice, NvmlMemory_v2*);
using nvmlDeviceGetPcieReplayCounter = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetRemappedRows = nvmlReturn(nvmlDevice, unsigned*, unsigned*, unsigned*,
                                             unsigned*);
using nvmlDeviceGetTotalEccErrors = nvmlReturn(nvmlDevice, int, int, unsigned long long*);
using nvmlDeviceGetFieldValues = nvmlReturn(nvmlDevice, int, NvmlFieldValue*);
using nvmlDeviceGetCurrentClocksThrottleReasons = nvmlReturn(nvmlDevice, unsigned long long*);
using nvmlDeviceGetMigMode = nvmlReturn(nvmlDevice, unsigned*, unsigned*);
using nvmlDeviceGetMaxMigDeviceCount = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetMigDeviceHandleByIndex = nvmlReturn(nvmlDevice, unsigned, nvmlDevice*);
using nvmlDeviceGetGpuInstanceId = nvmlReturn(nvmlDevice, unsigned*);
using nvmlDeviceGetComputeRunningProcesses_v3 = nvmlReturn(nvmlDevice, unsigned*, NvmlProcessInfo*);
using nvmlEventSetCreate = nvmlReturn(nvmlEventSet*);
using nvmlEventSetFree = nvmlReturn(nvmlEventSet);
using nvmlDeviceRegisterEvents = nvmlReturn(nvmlDevice, unsigned long long, nvmlEventSet);
using nvmlEventSetWait_v2 = nvmlReturn(nvmlEventSet, NvmlEventData*, unsigned milliseconds);
using nvmlGpmQueryDeviceSupport = nvmlReturn(nvmlDevice, NvmlGpmSupport*);
using nvmlGpmSampleAlloc = nvmlReturn(nvmlGpmSample*);
using nvmlGpmSampleFree = nvmlReturn(nvmlGpmSample);
using nvmlGpmSampleGet = nvmlReturn(nvmlDevice, nvmlGpmSample);
using nvmlGpmMigSampleGet = nvmlReturn(nvmlDevice, unsigned instance, nvmlGpmSample);
using nvmlGpmMetricsGet = nvmlReturn(NvmlGpmMetricsGet*);

}  // namespace eb::abi
