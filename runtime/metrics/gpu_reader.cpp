#include "runtime/metrics/gpu_reader.hpp"

#include <algorithm>

#include "runtime/metrics/device_readings.hpp"
#include "runtime/metrics/gpu_families.hpp"

namespace eb::metrics {
namespace {

constexpr unsigned kMaxGpus = 256;
constexpr unsigned kMaxMigDevices = 64;
constexpr int kMaxEventsAtOnce = 256;

template <typename Function>
std::string text_of(Function* function, abi::nvmlDevice device) {
  char buffer[abi::kNameBytes] = "";
  if (ask(function, device, buffer, static_cast<unsigned>(sizeof buffer)) != abi::kNvmlSuccess) {
    return {};
  }
  buffer[sizeof buffer - 1] = '\0';
  return buffer;
}

/// "1g.10gb" of "NVIDIA H100 80GB HBM3 MIG 1g.10gb".
std::string profile_of(const std::string& name) {
  const size_t at = name.rfind("MIG ");
  return at == std::string::npos ? name : name.substr(at + 4);
}

}  // namespace

GpuReader::GpuReader(GpuChoice choice, std::string library)
    : choice_(std::move(choice)), library_(std::move(library)) {}

GpuReader::~GpuReader() { stop(); }

void GpuReader::start() {
  if (is_started_ || std::chrono::steady_clock::now() < next_try_) return;
  next_try_ = std::chrono::steady_clock::now() + kRetry;
  try {
    if (!nvml_) nvml_ = NvmlApi::open(library_);
  } catch (const NvmlProblem& problem) {
    problem_ = problem;
    return;
  }
  const abi::nvmlReturn code = nvml_->nvmlInit_v2();
  if (code != abi::kNvmlSuccess) {
    problem_ = {nvml_reason(code), "nvmlInit_v2: " + nvml_->text(code)};
    return;
  }
  is_started_ = true;
  problem_ = {};
  gpm_ = std::make_unique<Gpm>(*nvml_);
  char version[abi::kVersionBytes] = "";
  if (ask(nvml_->nvmlSystemGetDriverVersion, version, static_cast<unsigned>(sizeof version)) ==
      abi::kNvmlSuccess) {
    version[sizeof version - 1] = '\0';
    driver_version_ = version;
  }
}

void GpuReader::stop() {
  if (!is_started_) return;
  gpm_.reset();
  if (events_ != nullptr) ask(nvml_->nvmlEventSetFree, events_);
  events_ = nullptr;
  xid_.clear();
  ask(nvml_->nvmlShutdown);
  is_started_ = false;
}

GpuSample GpuReader::sample() {
  GpuSample out;
  start();
  unsigned count = 0;
  if (is_started_) {
    const abi::nvmlReturn code = nvml_->nvmlDeviceGetCount_v2(&count);
    if (code != abi::kNvmlSuccess) {
      problem_ = {nvml_reason(code), "nvmlDeviceGetCount_v2: " + nvml_->text(code)};
      stop();
    }
  }
  if (!is_started_) {
    out.problem = problem_.reason;
    out.problem_detail = problem_.detail;
    return out;
  }
  count = std::min(count, kMaxGpus);
  out.driver_version = driver_version_;
  std::vector<abi::nvmlDevice> handles;
  std::vector<Gpu> all = identify(count, &handles);
  std::vector<GpuName> names;
  for (const Gpu& gpu : all) {
    GpuName name{gpu.uuid, {}};
    for (const GpuInstance& instance : gpu.instances) name.mig_uuids.push_back(instance.uuid);
    names.push_back(std::move(name));
  }
  if (events_ == nullptr) watch_xids(count);
  collect_xids();
  for (const ChosenGpu& chosen : choose_gpus(choice_, names)) {
    Gpu& gpu = all[chosen.index];
    if (gpu.problem.empty()) read(gpu, handles[chosen.index], chosen.mig_uuids);
    out.gpus.push_back(std::move(gpu));
  }
  return out;
}

std::vector<Gpu> GpuReader::identify(unsigned count, std::vector<abi::nvmlDevice>* handles) {
  std::vector<Gpu> out;
  for (unsigned index = 0; index < count; ++index) {
    abi::nvmlDevice device = nullptr;
    const abi::nvmlReturn code = nvml_->nvmlDeviceGetHandleByIndex_v2(index, &device);
    handles->push_back(device);
    if (code != abi::kNvmlSuccess) {
      Gpu gpu = known_[index];
      gpu.index = index;
      gpu.problem = nvml_reason(code);
      gpu.problem_detail = "nvmlDeviceGetHandleByIndex_v2: " + nvml_->text(code);
      out.push_back(std::move(gpu));
      continue;
    }
    Gpu gpu;
    gpu.index = index;
    gpu.uuid = text_of(nvml_->nvmlDeviceGetUUID, device);
    gpu.model = text_of(nvml_->nvmlDeviceGetName, device);
    abi::NvmlPciInfo pci{};
    if (ask(nvml_->nvmlDeviceGetPciInfo_v3, device, &pci) == abi::kNvmlSuccess) {
      pci.bus_id[sizeof pci.bus_id - 1] = '\0';
      gpu.pci_bus_id = pci.bus_id;
    }
    unsigned minor = 0;
    if (ask(nvml_->nvmlDeviceGetMinorNumber, device, &minor) == abi::kNvmlSuccess)
      gpu.minor = minor;
    if (gpu.uuid.empty()) gpu = known_[index];  // between its handle and its name it was lost
    known_[index] = gpu;
    for (auto& [instance, handle] : instances(device)) gpu.instances.push_back(std::move(instance));
    out.push_back(std::move(gpu));
  }
  return out;
}

std::vector<std::pair<GpuInstance, abi::nvmlDevice>> GpuReader::instances(
    abi::nvmlDevice device) const {
  unsigned mode = 0;
  unsigned pending = 0;
  unsigned count = 0;
  if (ask(nvml_->nvmlDeviceGetMigMode, device, &mode, &pending) != abi::kNvmlSuccess ||
      mode != abi::kMigEnabled ||
      ask(nvml_->nvmlDeviceGetMaxMigDeviceCount, device, &count) != abi::kNvmlSuccess) {
    return {};
  }
  std::vector<std::pair<GpuInstance, abi::nvmlDevice>> out;
  for (unsigned i = 0; i < std::min(count, kMaxMigDevices); ++i) {
    abi::nvmlDevice handle = nullptr;
    GpuInstance instance;
    if (ask(nvml_->nvmlDeviceGetMigDeviceHandleByIndex, device, i, &handle) != abi::kNvmlSuccess ||
        ask(nvml_->nvmlDeviceGetGpuInstanceId, handle, &instance.id) != abi::kNvmlSuccess) {
      continue;  // most places are empty
    }
    instance.uuid = text_of(nvml_->nvmlDeviceGetUUID, handle);
    instance.profile = profile_of(text_of(nvml_->nvmlDeviceGetName, handle));
    out.emplace_back(std::move(instance), handle);
  }
  return out;
}

void GpuReader::read(Gpu& gpu, abi::nvmlDevice device, const std::vector<std::string>& only_migs) {
  abi::nvmlReturn worst = abi::kNvmlSuccess;
  gpu.readings = device_readings(*nvml_, device, &worst);
  gpu.instances.clear();
  auto migs = instances(device);
  if (migs.empty()) {
    for (const Reading& ratio : gpm_->sample(gpu.index, device, abi::kNoInstance)) {
      gpu.readings.push_back(ratio);
    }
    gpu.processes = device_processes(*nvml_, device);
  }
  for (auto& [instance, handle] : migs) {
    if (!only_migs.empty() && std::ranges::find(only_migs, instance.uuid) == only_migs.end()) {
      continue;
    }
    const auto processes = device_processes(*nvml_, handle);
    gpu.processes.insert(gpu.processes.end(), processes.begin(), processes.end());
    // Compute instances share the memory and the counters of their GPU instance.
    if (std::ranges::find(gpu.instances, instance.id, &GpuInstance::id) != gpu.instances.end()) {
      continue;
    }
    instance.readings = memory_readings(*nvml_, handle, &worst);
    for (const Reading& ratio : gpm_->sample(gpu.index, device, instance.id)) {
      instance.readings.push_back(ratio);
    }
    gpu.instances.push_back(std::move(instance));
  }
  if (const auto xid = xid_.find(device); xid != xid_.end()) {
    gpu.readings.push_back({&families::kXid, xid->second});
  }
  if (worst == abi::kNvmlSuccess) return;
  // What it said before it was lost is older than it looks.
  std::erase_if(gpu.readings, [](const Reading& each) { return each.family != &families::kXid; });
  gpu.instances.clear();
  gpu.processes.clear();
  gpu.problem = nvml_reason(worst);
  gpu.problem_detail = nvml_->text(worst);
}

void GpuReader::watch_xids(unsigned count) {
  if (ask(nvml_->nvmlEventSetCreate, &events_) != abi::kNvmlSuccess) {
    events_ = nullptr;
    return;
  }
  for (unsigned index = 0; index < count; ++index) {
    abi::nvmlDevice device = nullptr;
    if (nvml_->nvmlDeviceGetHandleByIndex_v2(index, &device) == abi::kNvmlSuccess &&
        ask(nvml_->nvmlDeviceRegisterEvents, device, abi::kEventXid, events_) ==
            abi::kNvmlSuccess) {
      xid_[device] = 0;
    }
  }
}

void GpuReader::collect_xids() {
  if (xid_.empty()) return;
  for (int i = 0; i < kMaxEventsAtOnce; ++i) {
    abi::NvmlEventData event{};
    if (ask(nvml_->nvmlEventSetWait_v2, events_, &event, 0U) != abi::kNvmlSuccess) return;
    if (event.event_type != abi::kEventXid) continue;
    if (const auto at = xid_.find(event.device); at != xid_.end()) {
      at->second = static_cast<double>(event.event_data);
    }
  }
}

}  // namespace eb::metrics
