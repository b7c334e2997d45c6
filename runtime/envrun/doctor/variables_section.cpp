#include <algorithm>
#include <array>

#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

struct Effect {
  const char* name;
  const char* value;  ///< only for this value; nullptr: any but ""
  Health health;
  const char* effect;
};

// What people leave in their start files after a search for some other error. From the manuals of
// NCCL (its part "Debugging" says itself that these should not stay), CUDA and PyTorch.
constexpr std::array kEffects = {
    Effect{"NCCL_P2P_DISABLE", "1", Health::kWarning,
           "no direct copies between GPUs: all goes through host memory, several times slower"},
    Effect{"NCCL_SHM_DISABLE", "1", Health::kWarning,
           "GPUs without direct copies talk through the network, also within this node"},
    Effect{"NCCL_IB_DISABLE", "1", Health::kNote, "no InfiniBand and no RoCE"},
    Effect{"NCCL_ALGO", nullptr, Health::kNote, "NCCL's own choice of algorithms is overruled"},
    Effect{"NCCL_PROTO", nullptr, Health::kNote, "NCCL's own choice of protocols is overruled"},
    Effect{"NCCL_DEBUG", "TRACE", Health::kNote, "much output, slow"},
    Effect{"NCCL_DEBUG", "INFO", Health::kNote, "NCCL prints what it chooses, on every rank"},
    Effect{"NCCL_LAUNCH_MODE", nullptr, Health::kNote, "a setting for old drivers"},
    Effect{"NCCL_BLOCKING_WAIT", nullptr, Health::kNote,
           "an old name that PyTorch still reads: TORCH_NCCL_BLOCKING_WAIT"},
    Effect{"CUDA_LAUNCH_BLOCKING", "1", Health::kWarning,
           "every kernel is waited for: right for debugging, slow for work"},
    Effect{"CUDA_DEVICE_MAX_CONNECTIONS", "1", Health::kNote,
           "copies and kernels are queued one behind the other (Megatron wants that)"},
    Effect{"CUDA_MPS_PIPE_DIRECTORY", nullptr, Health::kNote,
           "CUDA goes through the MPS server of that folder; error 805 when none runs"},
    Effect{"PYTORCH_NO_CUDA_MEMORY_CACHING", nullptr, Health::kWarning,
           "every allocation goes to the driver: much slower"},
    Effect{"PYTORCH_CUDA_ALLOC_CONF", nullptr, Health::kNote,
           "settings of the GPU memory allocator"},
    Effect{"TORCH_USE_CUDA_DSA", nullptr, Health::kNote, "only works in builds made for it"},
    Effect{"TORCH_NCCL_BLOCKING_WAIT", "1", Health::kNote, "collectives block the Python thread"},
    Effect{"TORCH_DISTRIBUTED_DEBUG", "DETAIL", Health::kWarning,
           "every collective is checked on all ranks: slow"},
    Effect{"TORCH_CUDA_ARCH_LIST", nullptr, Health::kNote, "extensions are built for these GPUs"},
    Effect{"NVIDIA_TF32_OVERRIDE", "0", Health::kWarning,
           "no TF32: matrix products are much slower"},
    Effect{"TRITON_LIBCUDA_PATH", nullptr, Health::kNote, "Triton looks for libcuda there"},
    Effect{"ENVLAUNCH_LIBC", nullptr, Health::kNote, "the launcher's choice of glibc is overruled"},
    Effect{"ENVLAUNCH_COMPAT", nullptr, Health::kNote,
           "the launcher's choice of the forward-compatibility driver is overruled"},
};

// Set by a launcher for one job; left over, every new job waits for ranks that never come.
constexpr std::array kRendezvous = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR",
                                    "MASTER_PORT"};

void add_effects(const Machine& machine, Observations& out) {
  for (const Effect& effect : kEffects) {
    const std::string value = machine.variables.get(effect.name);
    if (value.empty() || (effect.value != nullptr && value != effect.value)) continue;
    if (effect.health == Health::kNote) {
      out.note(effect.name, value).cause = effect.effect;
    } else {
      out.warning(effect.name, value, effect.effect, {"unset " + std::string(effect.name)});
    }
  }
}

void add_cuda_home(const Machine& machine, Observations& out) {
  for (const char* name : {"CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"}) {
    const std::string value = machine.variables.get(name);
    if (value.empty()) continue;
    if (machine.may_read(value) && !machine.files.exists(value)) {
      out.warning(name, value + " is not there", "building CUDA extensions fails",
                  {"unset " + std::string(name) + ", or name the toolkit that is there"});
    } else {
      out.note(name, value).cause =
          "only for building extensions: running takes CUDA from this environment";
    }
  }
}

void add_devices(const Machine& machine, Observations& out) {
  const auto visible = machine.variables.find("CUDA_VISIBLE_DEVICES");
  if (visible && (visible->empty() || *visible == "-1" || *visible == "NoDevFiles")) {
    out.warning("CUDA_VISIBLE_DEVICES", "'" + *visible + "'", "hides every GPU",
                {"unset CUDA_VISIBLE_DEVICES, or ask the scheduler for a GPU"});
  } else if (visible && visible->find(' ') != std::string::npos) {
    out.warning("CUDA_VISIBLE_DEVICES", "'" + *visible + "'",
                "CUDA stops reading at what is no number or UUID, a blank among others",
                {"write it without blanks: 0,1"});
  }
  const std::string order = machine.variables.get("CUDA_DEVICE_ORDER");
  if (visible && !visible->empty() && order != "PCI_BUS_ID" &&
      visible->find_first_not_of("0123456789,") == std::string::npos) {
    out.note("CUDA_DEVICE_ORDER", order.empty() ? "not set" : order).cause =
        "CUDA then numbers the fastest GPU first, nvidia-smi by the bus; envrun --gpus sets "
        "PCI_BUS_ID";
  }
}

void add_threads(const Machine& machine, Observations& out) {
  const auto set = machine.variables.find("OMP_NUM_THREADS");
  const unsigned cpus = machine.facts.cpus_allowed;
  if (!set) {
    out.note("OMP_NUM_THREADS", "not set").cause =
        "each process starts " + std::to_string(cpus) +
        " threads; torchrun sets 1. For N processes a node: CPUs divided by N";
    return;
  }
  const auto number = number_of(*set);
  if (!number || *number == 0) {
    out.warning("OMP_NUM_THREADS", *set, "it is no number of threads", {"unset OMP_NUM_THREADS"});
  } else if (cpus > 0 && *number > cpus) {
    out.warning("OMP_NUM_THREADS", *set,
                "more threads than the " + std::to_string(cpus) + " CPUs of this process",
                {"OMP_NUM_THREADS=" + std::to_string(cpus) + " or less"});
  } else {
    out.ok("OMP_NUM_THREADS", *set);
  }
}

void add_left_over(const Machine& machine, Observations& out) {
  std::vector<std::string> set;
  for (const char* name : kRendezvous) {
    if (machine.variables.find(name))
      set.push_back(std::string(name) + "=" + machine.variables.get(name));
  }
  const bool is_launched = machine.variables.find("TORCHELASTIC_RUN_ID").has_value();
  if (set.empty() || is_launched || !machine.variables.find("RANK")) return;
  out.warning(
      "rendezvous", list_text(set),
      "a program that joins by env:// waits for the other ranks; left over from another "
      "job it waits without end",
      {"unset RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT, unless the job set them"});
}

}  // namespace

Observations examine_variables(const Machine& machine) {
  Observations out;
  add_devices(machine, out);
  add_effects(machine, out);
  add_cuda_home(machine, out);
  add_threads(machine, out);
  add_left_over(machine, out);
  return out;
}

}  // namespace eb
