#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/slurm/slurm_job.hpp"

namespace eb {

/// The job that a distributed program is to run in; nullopt outside of Slurm. Throws Error(kUsage)
/// for a step that has several tasks on a node, because each would be taken for a node.
std::optional<SlurmJob> distributed_job(const Session& session, const std::string& subcommand);

/// True in a batch script, or salloc's shell, of several nodes: the program has to be started on
/// them first.
bool needs_srun(const std::optional<SlurmJob>& job);

/// Starts this envrun with `arguments` and the session's limits once on each node. Throws
/// Error(kUsage) where there is no srun.
int run_on_all_nodes(Session& session, const SlurmJob& job,
                     const std::vector<std::string>& arguments);

/// True when this machine has NVIDIA GPUs that the process may see: device files, and a
/// CUDA_VISIBLE_DEVICES that hides not all of them.
bool sees_gpus(const World& world);

}  // namespace eb
