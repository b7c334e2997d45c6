#include "runtime/metrics/gpu_page.hpp"

#include <map>

#include "runtime/metrics/gpu_families.hpp"
#include "runtime/metrics/host_families.hpp"

namespace eb::metrics {
namespace {

/// The labels of dcgm-exporter, in its order; only "modelName" must be asked for, because
/// `promtool check metrics` objects to its spelling.
Labels labels_of(const Gpu& gpu, const PageFacts& facts, const GpuInstance* instance) {
  Labels out = {
      {"gpu", std::to_string(gpu.index)}, {"UUID", gpu.uuid}, {"pci_bus_id", gpu.pci_bus_id}};
  out.emplace_back("device", "nvidia" + std::to_string(gpu.minor.value_or(gpu.index)));
  out.emplace_back(facts.has_dcgm_labels ? "modelName" : "model_name", gpu.model);
  if (instance != nullptr) {
    out.emplace_back("GPU_I_PROFILE", instance->profile);
    out.emplace_back("GPU_I_ID", std::to_string(instance->id));
  }
  out.emplace_back("Hostname", facts.host);
  return out;
}

void add_problem(Exposition& page, const std::string& reason) {
  page.add(families::kNvmlUp, {}, 0);
  page.add(families::kNvmlProblem, {{"reason", reason}}, 1);
}

}  // namespace

void add_gpus(Exposition& page, const PageFacts& facts, const PageSources& sources) {
  const Snapshot<GpuSample>& gpus = sources.gpus;
  if (gpus.is_stalled(facts.stale_seconds)) return add_problem(page, "hanging");
  if (!gpus.sample) return add_problem(page, "starting");
  if (!gpus.sample->problem.empty()) return add_problem(page, gpus.sample->problem);
  page.add(families::kNvmlUp, {}, 1);
  if (!gpus.sample->driver_version.empty()) {
    page.add(families::kDriverInfo, {{"version", gpus.sample->driver_version}}, 1);
  }
  page.add(families::kGpus, {}, static_cast<double>(gpus.sample->gpus.size()));

  std::map<unsigned, std::string> commands;
  if (sources.host.sample) {
    for (const ProcessFigures& process : sources.host.sample->processes.biggest) {
      commands[process.pid] = process.command;
    }
  }
  for (const Gpu& gpu : gpus.sample->gpus) {
    const Labels identity = {{"gpu", std::to_string(gpu.index)}, {"UUID", gpu.uuid}};
    page.add(families::kGpuUp, identity, gpu.problem.empty() ? 1 : 0);
    if (!gpu.problem.empty()) {
      Labels labels = identity;
      labels.emplace_back("reason", gpu.problem);
      page.add(families::kGpuProblem, labels, 1);
    }
    for (const Reading& reading : gpu.readings) {
      page.add(*reading.family, labels_of(gpu, facts, nullptr), reading.value);
    }
    for (const GpuInstance& instance : gpu.instances) {
      for (const Reading& reading : instance.readings) {
        page.add(*reading.family, labels_of(gpu, facts, &instance), reading.value);
      }
    }
    for (const GpuProcess& process : gpu.processes) {
      // Only those whose other figures are shown: the driver's list holds other users' too.
      const auto command = commands.find(process.pid);
      if (command == commands.end() || !process.memory_bytes) continue;
      Labels labels = {{"pid", std::to_string(process.pid)}, {"command", command->second}};
      labels.insert(labels.end(), identity.begin(), identity.end());
      page.add(families::kProcessGpuMemory, labels, static_cast<double>(*process.memory_bytes));
    }
  }
}

}  // namespace eb::metrics
