#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/limits/cpu_choice.hpp"
#include "runtime/envrun/limits/gpu_choice.hpp"
#include "runtime/envrun/limits/memory_plan.hpp"
#include "runtime/envrun/limits/shm_plan.hpp"

namespace eb {

/// All that will be done to a program for the limits that were asked for.
struct LimitPlan {
  std::optional<GpuChoice> gpus;
  std::optional<MemoryPlan> memory;
  std::optional<ShmPlan> shm;
  PrivateShm private_shm = {};  ///< for ShmMeans::kPrivate
  std::optional<CpuList> cpus;
  std::vector<std::string> lines;  ///< one a limit, for people
  std::vector<std::string> warnings;
};

/// Parses the options, looks at the machine as far as they ask for it, and decides. Nothing is
/// changed. `variables` are the program's. Throws Error for what this machine cannot keep.
LimitPlan plan_limits(const World& world, const LimitOptions& options, const Variables& variables);

/// CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER, and numbers of threads (OMP_NUM_THREADS and its like)
/// where the user has not set them.
void apply_variables(const LimitPlan& plan, Variables* variables);

}  // namespace eb
