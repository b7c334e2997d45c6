#include "runtime/envrun/limits/limit_plan.hpp"

#include <algorithm>
#include <array>

#include "runtime/envrun/limits/memory_size.hpp"

namespace eb {
namespace {

// Thread pools that count the machine's CPUs, or that shall not count again in every process.
constexpr std::array kThreadVariables = {"OMP_NUM_THREADS", "MKL_NUM_THREADS",
                                         "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};

void add_gpus(const World& world, const std::string& option, const Variables& variables,
              LimitPlan* out) {
  const GpuRequest request = parse_gpu_request(option);
  if (request.kind == GpuRequest::Kind::kCount && request.count == 0) {
    out->gpus = GpuChoice{.visible_devices = "", .text = "none"};
  } else {
    const auto lookup = [&](const char* name) { return variables.find(name); };
    const DriverProbe probe = probe_driver(world.sys, world.root, probe_environment(lookup));
    out->gpus = choose_gpus(request, visible_gpus(probe, variables));
  }
  out->lines.push_back("GPUs: " + out->gpus->text);
  std::ranges::copy(out->gpus->warnings, std::back_inserter(out->warnings));
}

void add_memory(const World& world, const HostFiles& files, uint64_t bytes, LimitPlan* out) {
  out->memory = plan_memory(bytes, read_memory_facts(world, files));
  std::string line = "memory limited to " + out->memory->text;
  for (size_t i = 0; i < out->memory->why_not_better.size(); ++i) {
    line += (i == 0 ? " (" : "; ") + out->memory->why_not_better[i];
  }
  out->lines.push_back(line + (out->memory->why_not_better.empty() ? "" : ")"));
  std::ranges::copy(out->memory->warnings, std::back_inserter(out->warnings));
}

void add_shm(const World& world, const HostFiles& files, uint64_t bytes, LimitPlan* out) {
  out->private_shm = private_shm(bytes, world.uid, world.gid);
  out->shm = plan_shm(bytes, read_shm_facts(world, files, bytes, out->private_shm));
  out->lines.push_back(out->shm->text);
  if (!out->shm->warning.empty()) out->warnings.push_back(out->shm->warning);
  if (out->memory && out->memory->bytes < bytes) {
    out->warnings.push_back("shared memory counts as memory: of --shm-size " +
                            memory_size_text(bytes) + " no more than --memory " +
                            memory_size_text(out->memory->bytes) + " can be used");
  }
}

void add_cpus(const World& world, const HostFiles& files, const CpuRequest& request,
              LimitPlan* out) {
  std::vector<int> near_nodes;
  if (out->gpus) {
    for (const VisibleGpu& gpu : out->gpus->gpus) {
      if (gpu.numa_node >= 0) near_nodes.push_back(gpu.numa_node);
    }
  }
  const CpuFacts facts = read_cpu_facts(files, world.uid);
  out->cpus = choose_cpus(request, facts, near_nodes);
  out->lines.push_back("CPUs: " + std::to_string(out->cpus->size()) + " of " +
                       std::to_string(facts.allowed.size()) + " (" + cpu_list_text(*out->cpus) +
                       ")");
}

}  // namespace

LimitPlan plan_limits(const World& world, const LimitOptions& options, const Variables& variables) {
  LimitPlan out;
  if (!options.any()) return out;
  // All of the command line first: a mistyped size is found without a look at the machine.
  const auto size = [](const char* option, const std::string& text) {
    return text.empty() ? 0 : parse_memory_size(option, text);
  };
  const uint64_t memory = size("--memory", options.memory);
  const uint64_t shm = size("--shm-size", options.shm_size);
  const CpuRequest cpus = options.cpus.empty() ? CpuRequest{} : parse_cpu_request(options.cpus);

  const HostFiles files(world.sys, world.root);
  if (!options.gpus.empty()) add_gpus(world, options.gpus, variables, &out);
  if (memory > 0) add_memory(world, files, memory, &out);
  if (shm > 0) add_shm(world, files, shm, &out);
  if (!options.cpus.empty()) add_cpus(world, files, cpus, &out);
  return out;
}

void apply_variables(const LimitPlan& plan, Variables* variables) {
  if (plan.gpus) {
    if (plan.gpus->visible_devices) {
      variables->set("CUDA_VISIBLE_DEVICES", *plan.gpus->visible_devices);
    }
    // Numbers that count in CUDA's own order would come to mean other GPUs.
    if (plan.gpus->sets_pci_order && !variables->find("CUDA_DEVICE_ORDER")) {
      variables->set("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    }
  }
  if (plan.cpus) {
    for (const char* name : kThreadVariables) {
      if (!variables->find(name)) variables->set(name, std::to_string(plan.cpus->size()));
    }
  }
}

}  // namespace eb
