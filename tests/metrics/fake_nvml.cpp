// A libnvidia-ml.so.1 with as many GPUs as FAKE_CUDA says, steered as tests/gpu/fake_switch.hpp has
// it. Besides: "lost=N" (GPU N does not answer), "mig=N" (GPU N is in MIG mode, with two
// instances), "reset=N" (GPU N answers until it is read), "pid=P" (a process on GPU 0), "xid=X" (an
// event of GPU 0), "hopper=0" (no GPM). FAKE_NVML_FILE names a file whose text takes FAKE_CUDA's
// place at every call, so that a test can change things while the exporter runs.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "runtime/metrics/nvml_abi.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::number;

#define EB_EXPORT(name) EB_FAKE_EXPORT abi::name name
EB_EXPORT(nvmlInit_v2);
EB_EXPORT(nvmlShutdown);
EB_EXPORT(nvmlErrorString);
EB_EXPORT(nvmlSystemGetDriverVersion);
EB_EXPORT(nvmlDeviceGetCount_v2);
EB_EXPORT(nvmlDeviceGetHandleByIndex_v2);
EB_EXPORT(nvmlDeviceGetUUID);
EB_EXPORT(nvmlDeviceGetName);
EB_EXPORT(nvmlDeviceGetPciInfo_v3);
EB_EXPORT(nvmlDeviceGetMinorNumber);
EB_EXPORT(nvmlDeviceGetTemperature);
EB_EXPORT(nvmlDeviceGetPowerUsage);
EB_EXPORT(nvmlDeviceGetEnforcedPowerLimit);
EB_EXPORT(nvmlDeviceGetTotalEnergyConsumption);
EB_EXPORT(nvmlDeviceGetClockInfo);
EB_EXPORT(nvmlDeviceGetUtilizationRates);
EB_EXPORT(nvmlDeviceGetEncoderUtilization);
EB_EXPORT(nvmlDeviceGetDecoderUtilization);
EB_EXPORT(nvmlDeviceGetMemoryInfo);
EB_EXPORT(nvmlDeviceGetMemoryInfo_v2);
EB_EXPORT(nvmlDeviceGetPcieReplayCounter);
EB_EXPORT(nvmlDeviceGetRemappedRows);
EB_EXPORT(nvmlDeviceGetTotalEccErrors);
EB_EXPORT(nvmlDeviceGetFieldValues);
EB_EXPORT(nvmlDeviceGetCurrentClocksThrottleReasons);
EB_EXPORT(nvmlDeviceGetMigMode);
EB_EXPORT(nvmlDeviceGetMaxMigDeviceCount);
EB_EXPORT(nvmlDeviceGetMigDeviceHandleByIndex);
EB_EXPORT(nvmlDeviceGetGpuInstanceId);
EB_EXPORT(nvmlDeviceGetComputeRunningProcesses_v3);
EB_EXPORT(nvmlEventSetCreate);
EB_EXPORT(nvmlEventSetFree);
EB_EXPORT(nvmlDeviceRegisterEvents);
EB_EXPORT(nvmlEventSetWait_v2);
EB_EXPORT(nvmlGpmQueryDeviceSupport);
EB_EXPORT(nvmlGpmSampleAlloc);
EB_EXPORT(nvmlGpmSampleFree);
EB_EXPORT(nvmlGpmSampleGet);
EB_EXPORT(nvmlGpmMigSampleGet);
EB_EXPORT(nvmlGpmMetricsGet);

namespace {

constexpr int kMigsOfGpu = 2;
bool is_started = false;

/// A handle is 1 + GPU, plus 100 * (1 + place) for a MIG device.
struct Where {
  int gpu;
  int mig;  ///< -1: the GPU itself
};
abi::nvmlDevice handle_of(int gpu, int mig) {
  return reinterpret_cast<abi::nvmlDevice>(static_cast<intptr_t>(1 + gpu + 100 * (1 + mig)));
}
Where where(abi::nvmlDevice device) {
  const auto value = static_cast<int>(reinterpret_cast<intptr_t>(device));
  return {value % 100 - 1, value / 100 - 1};
}

void reread_switch() {
  const char* const path = getenv("FAKE_NVML_FILE");
  if (path == nullptr) return;
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  setenv("FAKE_CUDA", text.substr(0, text.find('\n')).c_str(), 1);
}

bool is_mig(int gpu) { return eb::fake::entry("mig", std::to_string(gpu), nullptr); }

int answer(const char* function) {
  reread_switch();
  const int code = eb::fake::answer(function);
  return code == 0 && !is_started ? abi::kNvmlUninitialized : code;
}
int answer(const char* function, abi::nvmlDevice device) {
  const int code = answer(function);
  if (code != 0) return code;
  const std::string gpu = std::to_string(where(device).gpu);
  if (eb::fake::entry("lost", gpu, nullptr)) return abi::kNvmlGpuIsLost;
  if (eb::fake::entry("reset", gpu, nullptr) && std::strstr(function, "GetTemperature")) {
    return abi::kNvmlResetRequired;
  }
  return 0;
}
/// What NVML refuses for a MIG device.
int answer_whole(const char* function, abi::nvmlDevice device) {
  const int code = answer(function, device);
  return code == 0 && where(device).mig >= 0 ? abi::kNvmlNotSupported : code;
}

template <typename Value>
int give(const char* function, abi::nvmlDevice device, Value* out, Value value) {
  const int code = answer_whole(function, device);
  if (code == 0) *out = value;
  return code;
}

int copy(const char* text, char* out, unsigned size) {
  if (std::strlen(text) >= size) return abi::kNvmlInsufficientSize;
  std::strcpy(out, text);
  return 0;
}

}  // namespace

int nvmlInit_v2() {
  is_started = true;
  const int code = answer("nvmlInit_v2");
  is_started = code == 0;
  return code;
}
int nvmlShutdown() {
  is_started = false;
  return 0;
}
const char* nvmlErrorString(int code) {
  if (code == abi::kNvmlGpuIsLost) return "GPU is lost";
  if (code == abi::kNvmlDriverNotLoaded) return "Driver Not Loaded";
  return code == abi::kNvmlLibRmVersionMismatch ? "Driver/library version mismatch" : "Fake error";
}
int nvmlSystemGetDriverVersion(char* version, unsigned size) {
  const int code = answer("nvmlSystemGetDriverVersion");
  return code != 0 ? code : copy("570.86.15", version, size);
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  const int code = answer("nvmlDeviceGetCount_v2");
  *count = static_cast<unsigned>(number("devices", 2));
  return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, abi::nvmlDevice* device) {
  *device = handle_of(static_cast<int>(index), -1);
  return answer("nvmlDeviceGetHandleByIndex_v2", *device);
}
int nvmlDeviceGetUUID(abi::nvmlDevice device, char* uuid, unsigned size) {
  const int code = answer("nvmlDeviceGetUUID", device);
  if (code != 0) return code;
  const auto [gpu, mig] = where(device);
  char text[80];
  std::snprintf(text, sizeof text, "%s-%d%d000000-4d3d-596c-da66-b86b0e5db584",
                mig < 0 ? "GPU" : "MIG", gpu, mig + 1);
  return copy(text, uuid, size);
}
int nvmlDeviceGetName(abi::nvmlDevice device, char* name, unsigned size) {
  const int code = answer("nvmlDeviceGetName", device);
  if (code != 0) return code;
  return copy(where(device).mig < 0 ? "NVIDIA Fake 80GB" : "NVIDIA Fake 80GB MIG 1g.10gb", name,
              size);
}
int nvmlDeviceGetPciInfo_v3(abi::nvmlDevice device, abi::NvmlPciInfo* pci) {
  const int code = answer_whole("nvmlDeviceGetPciInfo_v3", device);
  if (code != 0) return code;
  *pci = {};
  std::snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", 0x3b + where(device).gpu);
  return 0;
}
int nvmlDeviceGetMinorNumber(abi::nvmlDevice device, unsigned* minor) {
  return give("nvmlDeviceGetMinorNumber", device, minor, static_cast<unsigned>(where(device).gpu));
}
int nvmlDeviceGetTemperature(abi::nvmlDevice device, int /*sensor*/, unsigned* celsius) {
  return give("nvmlDeviceGetTemperature", device, celsius,
              40U + static_cast<unsigned>(where(device).gpu));
}
int nvmlDeviceGetPowerUsage(abi::nvmlDevice device, unsigned* milliwatts) {
  return give("nvmlDeviceGetPowerUsage", device, milliwatts, 123456U);
}
int nvmlDeviceGetEnforcedPowerLimit(abi::nvmlDevice device, unsigned* milliwatts) {
  return give("nvmlDeviceGetEnforcedPowerLimit", device, milliwatts, 700000U);
}
int nvmlDeviceGetTotalEnergyConsumption(abi::nvmlDevice device, unsigned long long* millijoules) {
  return give("nvmlDeviceGetTotalEnergyConsumption", device, millijoules, 9876543210ULL);
}
int nvmlDeviceGetClockInfo(abi::nvmlDevice device, int type, unsigned* mhz) {
  return give("nvmlDeviceGetClockInfo", device, mhz, type == abi::kClockSm ? 1980U : 2619U);
}
int nvmlDeviceGetUtilizationRates(abi::nvmlDevice device, abi::NvmlUtilization* rates) {
  const int code = answer_whole("nvmlDeviceGetUtilizationRates", device);
  if (code == 0 && is_mig(where(device).gpu)) return abi::kNvmlNotSupported;
  if (code == 0) *rates = {87, 31};
  return code;
}
int nvmlDeviceGetEncoderUtilization(abi::nvmlDevice device, unsigned* percent, unsigned* period) {
  *period = 1000;
  return give("nvmlDeviceGetEncoderUtilization", device, percent, 0U);
}
int nvmlDeviceGetDecoderUtilization(abi::nvmlDevice device, unsigned* percent, unsigned* period) {
  *period = 1000;
  return give("nvmlDeviceGetDecoderUtilization", device, percent, 0U);
}
int nvmlDeviceGetMemoryInfo(abi::nvmlDevice device, abi::NvmlMemory* memory) {
  const int code = answer("nvmlDeviceGetMemoryInfo", device);
  if (code == 0) *memory = {80ULL << 30U, 60ULL << 30U, 20ULL << 30U};
  return code;
}
int nvmlDeviceGetMemoryInfo_v2(abi::nvmlDevice device, abi::NvmlMemory_v2* memory) {
  const int code = answer("nvmlDeviceGetMemoryInfo_v2", device);
  if (code != 0) return code;
  if (memory->version != abi::kMemoryVersion2) return 25;
  const unsigned long long gib = where(device).mig < 0 ? 80 : 10;
  *memory = {memory->version, gib << 30U, 1ULL << 30U, (gib - 3) << 30U, 2ULL << 30U};
  return 0;
}
int nvmlDeviceGetPcieReplayCounter(abi::nvmlDevice device, unsigned* count) {
  return give("nvmlDeviceGetPcieReplayCounter", device, count, 3U);
}
int nvmlDeviceGetRemappedRows(abi::nvmlDevice device, unsigned* correctable,
                              unsigned* uncorrectable, unsigned* is_pending, unsigned* has_failed) {
  const int code = answer_whole("nvmlDeviceGetRemappedRows", device);
  if (code != 0) return code;
  *correctable = 1;
  *uncorrectable = static_cast<unsigned>(number("remapped", 0));
  *is_pending = 0;
  *has_failed = static_cast<unsigned>(number("remap_failure", 0));
  return 0;
}
int nvmlDeviceGetTotalEccErrors(abi::nvmlDevice device, int error, int /*counter*/,
                                unsigned long long* count) {
  return give("nvmlDeviceGetTotalEccErrors", device, count,
              error == abi::kEccCorrected ? 5ULL : 0ULL);
}
int nvmlDeviceGetFieldValues(abi::nvmlDevice device, int count, abi::NvmlFieldValue* values) {
  const int code = answer_whole("nvmlDeviceGetFieldValues", device);
  for (int i = 0; code == 0 && i < count; ++i) {
    abi::NvmlFieldValue& each = values[i];
    each.result = 0;
    if (each.field_id == abi::kFieldMemoryTemperature) {
      each.value_type = abi::kUnsigned;
      each.value.as_unsigned = 51;
    } else if (each.scope_id == abi::kAllLinks) {
      each.value_type = abi::kUnsignedLongLong;
      each.value.as_unsigned_long_long = 1000;
    } else {
      each.result = abi::kNvmlNotSupported;
    }
  }
  return code;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(abi::nvmlDevice device, unsigned long long* reasons) {
  return give("nvmlDeviceGetCurrentClocksThrottleReasons", device, reasons, 4ULL);
}
int nvmlDeviceGetMigMode(abi::nvmlDevice device, unsigned* current, unsigned* pending) {
  *current = *pending = is_mig(where(device).gpu) ? abi::kMigEnabled : 0;
  return answer_whole("nvmlDeviceGetMigMode", device);
}
int nvmlDeviceGetMaxMigDeviceCount(abi::nvmlDevice device, unsigned* count) {
  return give("nvmlDeviceGetMaxMigDeviceCount", device, count, 7U);
}
int nvmlDeviceGetMigDeviceHandleByIndex(abi::nvmlDevice device, unsigned index,
                                        abi::nvmlDevice* mig) {
  const int code = answer_whole("nvmlDeviceGetMigDeviceHandleByIndex", device);
  if (code != 0) return code;
  if (!is_mig(where(device).gpu) || index >= kMigsOfGpu) return 6;
  *mig = handle_of(where(device).gpu, static_cast<int>(index));
  return 0;
}
int nvmlDeviceGetGpuInstanceId(abi::nvmlDevice device, unsigned* id) {
  const int code = answer("nvmlDeviceGetGpuInstanceId", device);
  *id = 7U + static_cast<unsigned>(where(device).mig);
  return code;
}
int nvmlDeviceGetComputeRunningProcesses_v3(abi::nvmlDevice device, unsigned* count,
                                            abi::NvmlProcessInfo* processes) {
  const int code = answer("nvmlDeviceGetComputeRunningProcesses_v3", device);
  const int pid = number("pid", 0);
  const unsigned room = *count;
  *count = code == 0 && pid != 0 && where(device).gpu == 0 ? 2 : 0;
  if (*count > room) return abi::kNvmlInsufficientSize;
  if (*count == 2) {
    processes[0] = {static_cast<unsigned>(pid), 2ULL << 30U, abi::kNoInstance, abi::kNoInstance};
    // Another user's, or of another PID namespace.
    processes[1] = {4194303, abi::kMemoryNotAvailable, abi::kNoInstance, abi::kNoInstance};
  }
  return code;
}
int nvmlEventSetCreate(abi::nvmlEventSet* set) {
  *set = reinterpret_cast<abi::nvmlEventSet>(&is_started);
  return answer("nvmlEventSetCreate");
}
int nvmlEventSetFree(abi::nvmlEventSet /*set*/) { return 0; }
int nvmlDeviceRegisterEvents(abi::nvmlDevice device, unsigned long long /*types*/,
                             abi::nvmlEventSet /*set*/) {
  return answer("nvmlDeviceRegisterEvents", device);
}
int nvmlEventSetWait_v2(abi::nvmlEventSet /*set*/, abi::NvmlEventData* event, unsigned /*limit*/) {
  static int told = 0;
  const int code = answer("nvmlEventSetWait_v2");
  if (code != 0) return code;
  const int xid = number("xid", 0);
  if (xid == told) return abi::kNvmlTimeout;
  told = xid;
  *event = {handle_of(0, -1), abi::kEventXid, static_cast<unsigned long long>(xid),
            abi::kNoInstance, abi::kNoInstance};
  return 0;
}
int nvmlGpmQueryDeviceSupport(abi::nvmlDevice device, abi::NvmlGpmSupport* support) {
  support->is_supported = static_cast<unsigned>(number("hopper", 1));
  return answer("nvmlGpmQueryDeviceSupport", device);
}
int nvmlGpmSampleAlloc(abi::nvmlGpmSample* sample) {
  *sample = reinterpret_cast<abi::nvmlGpmSample>(new int(0));
  return 0;
}
int nvmlGpmSampleFree(abi::nvmlGpmSample sample) {
  delete reinterpret_cast<int*>(sample);
  return 0;
}
int nvmlGpmSampleGet(abi::nvmlDevice device, abi::nvmlGpmSample sample) {
  const int code = answer_whole("nvmlGpmSampleGet", device);
  if (code == 0) *reinterpret_cast<int*>(sample) = 1;
  return code;
}
int nvmlGpmMigSampleGet(abi::nvmlDevice device, unsigned instance, abi::nvmlGpmSample sample) {
  const int code = answer("nvmlGpmMigSampleGet", device);
  if (code == 0) *reinterpret_cast<int*>(sample) = static_cast<int>(instance);
  return code;
}
int nvmlGpmMetricsGet(abi::NvmlGpmMetricsGet* query) {
  const int code = answer("nvmlGpmMetricsGet");
  if (code != 0) return code;
  const bool both = *reinterpret_cast<int*>(query->sample1) != 0 &&
                    *reinterpret_cast<int*>(query->sample2) != 0 &&
                    query->sample1 != query->sample2;
  for (unsigned i = 0; i < query->metric_count; ++i) {
    query->metrics[i].result = both ? 0 : abi::kNvmlNotSupported;
    query->metrics[i].value = query->metrics[i].metric_id == abi::kGpmAnyTensorUtil ? 62.5 : 50;
  }
  return 0;
}
