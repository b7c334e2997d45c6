#include "runtime/metrics/device_readings.hpp"

#include "runtime/metrics/gpu_families.hpp"

namespace eb::metrics {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

/// Collects what answers come; refusals leave nothing but, perhaps, `worst`.
class Collector {
 public:
  Collector(abi::nvmlDevice device, abi::nvmlReturn* worst) : device_(device), worst_(worst) {}

  /// `function(device, arguments...)` succeeded.
  template <typename Function, typename... Arguments>
  bool works(Function* function, Arguments... arguments) {
    const abi::nvmlReturn code = ask(function, device_, arguments...);
    if (code == abi::kNvmlGpuIsLost || code == abi::kNvmlResetRequired) *worst_ = code;
    return code == abi::kNvmlSuccess;
  }
  void add(const Family& family, double value) { out.push_back({&family, value}); }
  /// A function whose last argument is the value.
  template <typename Value, typename Function, typename... Arguments>
  void take(const Family& family, double unit, Function* function, Arguments... arguments) {
    Value value{};
    if (works(function, arguments..., &value)) add(family, static_cast<double>(value) * unit);
  }

  std::vector<Reading> out;

 private:
  abi::nvmlDevice device_;
  abi::nvmlReturn* worst_;
};

std::optional<double> number(const abi::NvmlFieldValue& field) {
  if (field.result != abi::kNvmlSuccess) return {};
  switch (field.value_type) {
    case abi::kDouble:
      return field.value.as_double;
    case abi::kUnsigned:
      return field.value.as_unsigned;
    case abi::kUnsignedLong:
      return static_cast<double>(field.value.as_unsigned_long);
    case abi::kUnsignedLongLong:
      return static_cast<double>(field.value.as_unsigned_long_long);
    case abi::kLongLong:
      return static_cast<double>(field.value.as_long_long);
    case abi::kInt:
      return field.value.as_int;
    default:
      return {};
  }
}

void take_fields(const NvmlApi& nvml, Collector& collector) {
  struct Field {
    unsigned id;
    unsigned scope;
    const Family* family;
    double unit;
  };
  static constexpr Field kFields[] = {
      {abi::kFieldMemoryTemperature, 0, &families::kMemoryTemperature, 1},
      {abi::kFieldNvlinkTransmitKib, abi::kAllLinks, &families::kNvlinkTransmitted, 1024},
      {abi::kFieldNvlinkReceiveKib, abi::kAllLinks, &families::kNvlinkReceived, 1024},
  };
  // One by one: a driver that does not know one of them may refuse them all.
  for (const Field& field : kFields) {
    abi::NvmlFieldValue value{};
    value.field_id = field.id;
    value.scope_id = field.scope;
    if (!collector.works(nvml.nvmlDeviceGetFieldValues, 1, &value)) continue;
    if (const auto known = number(value)) collector.add(*field.family, *known * field.unit);
  }
}

void take_memory(const NvmlApi& nvml, Collector& collector) {
  abi::NvmlMemory_v2 memory{};
  memory.version = abi::kMemoryVersion2;
  if (collector.works(nvml.nvmlDeviceGetMemoryInfo_v2, &memory)) {
    collector.add(families::kFbReserved, static_cast<double>(memory.reserved) / kMib);
  } else {
    abi::NvmlMemory old{};  // drivers before 510
    if (!collector.works(nvml.nvmlDeviceGetMemoryInfo, &old)) return;
    memory.total = old.total;
    memory.free = old.free;
    memory.used = old.used;
  }
  collector.add(families::kFbTotal, static_cast<double>(memory.total) / kMib);
  collector.add(families::kFbFree, static_cast<double>(memory.free) / kMib);
  collector.add(families::kFbUsed, static_cast<double>(memory.used) / kMib);
}

void take_utilization(const NvmlApi& nvml, Collector& collector) {
  abi::NvmlUtilization rates{};
  if (collector.works(nvml.nvmlDeviceGetUtilizationRates, &rates)) {
    collector.add(families::kGpuUtil, rates.gpu);
    collector.add(families::kMemoryCopyUtil, rates.memory);
  }
  unsigned percent = 0;
  unsigned period = 0;
  if (collector.works(nvml.nvmlDeviceGetEncoderUtilization, &percent, &period)) {
    collector.add(families::kEncoderUtil, percent);
  }
  if (collector.works(nvml.nvmlDeviceGetDecoderUtilization, &percent, &period)) {
    collector.add(families::kDecoderUtil, percent);
  }
}

void take_health(const NvmlApi& nvml, Collector& collector) {
  using Count = unsigned long long;
  collector.take<Count>(families::kEccCorrected, 1, nvml.nvmlDeviceGetTotalEccErrors,
                        abi::kEccCorrected, abi::kEccVolatile);
  collector.take<Count>(families::kEccUncorrected, 1, nvml.nvmlDeviceGetTotalEccErrors,
                        abi::kEccUncorrected, abi::kEccVolatile);
  unsigned correctable = 0;
  unsigned uncorrectable = 0;
  unsigned is_pending = 0;
  unsigned has_failed = 0;
  if (collector.works(nvml.nvmlDeviceGetRemappedRows, &correctable, &uncorrectable, &is_pending,
                      &has_failed)) {
    collector.add(families::kRemappedCorrectable, correctable);
    collector.add(families::kRemappedUncorrectable, uncorrectable);
    collector.add(families::kRemapFailure, has_failed);
  }
  collector.take<unsigned>(families::kPcieReplays, 1, nvml.nvmlDeviceGetPcieReplayCounter);
}

}  // namespace

std::vector<Reading> device_readings(const NvmlApi& nvml, abi::nvmlDevice device,
                                     abi::nvmlReturn* worst) {
  Collector collector(device, worst);
  using Count = unsigned long long;
  collector.take<unsigned>(families::kGpuTemperature, 1, nvml.nvmlDeviceGetTemperature,
                           abi::kTemperatureGpu);
  collector.take<unsigned>(families::kPowerUsage, 1e-3, nvml.nvmlDeviceGetPowerUsage);
  collector.take<unsigned>(families::kPowerLimit, 1e-3, nvml.nvmlDeviceGetEnforcedPowerLimit);
  collector.take<Count>(families::kEnergy, 1, nvml.nvmlDeviceGetTotalEnergyConsumption);
  collector.take<unsigned>(families::kSmClock, 1, nvml.nvmlDeviceGetClockInfo, abi::kClockSm);
  collector.take<unsigned>(families::kMemoryClock, 1, nvml.nvmlDeviceGetClockInfo,
                           abi::kClockMemory);
  collector.take<Count>(families::kClocksEventReasons, 1,
                        nvml.nvmlDeviceGetCurrentClocksThrottleReasons);
  take_utilization(nvml, collector);
  take_memory(nvml, collector);
  take_health(nvml, collector);
  take_fields(nvml, collector);
  return std::move(collector.out);
}

std::vector<Reading> memory_readings(const NvmlApi& nvml, abi::nvmlDevice device,
                                     abi::nvmlReturn* worst) {
  Collector collector(device, worst);
  take_memory(nvml, collector);
  return std::move(collector.out);
}

std::vector<GpuProcess> device_processes(const NvmlApi& nvml, abi::nvmlDevice device) {
  // Room for those that begin between two calls; more than this many is nobody's machine.
  std::vector<abi::NvmlProcessInfo> found(256);
  auto count = static_cast<unsigned>(found.size());
  if (ask(nvml.nvmlDeviceGetComputeRunningProcesses_v3, device, &count, found.data()) !=
      abi::kNvmlSuccess) {
    return {};
  }
  std::vector<GpuProcess> out;
  for (unsigned i = 0; i < count && i < found.size(); ++i) {
    GpuProcess process{found[i].pid, {}};
    if (found[i].used_gpu_memory != abi::kMemoryNotAvailable) {
      process.memory_bytes = found[i].used_gpu_memory;
    }
    out.push_back(process);
  }
  return out;
}

}  // namespace eb::metrics
