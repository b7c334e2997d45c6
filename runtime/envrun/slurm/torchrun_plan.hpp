#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/slurm/slurm_job.hpp"

namespace eb {

/// torchrun's own options among `arguments`: names with dashes ("--nproc-per-node", also for
/// --nproc_per_node=4), up to the script, whose options are not torchrun's.
std::vector<std::string> torchrun_options(const std::vector<std::string>& arguments);

/// What `envrun torchrun` puts before the user's arguments. Whatever the user says stays: nothing
/// is added that was given, and no rendezvous where one was described (--standalone, --master-addr,
/// --rdzv-backend, --rdzv-endpoint, --node-rank).
///
/// `job` is a step with one task on each of its nodes, or nothing; one node gets --standalone,
/// where torchrun itself finds a free port. `has_gpus`: one process a GPU, else torchrun's default
/// of one.
std::vector<std::string> plan_torchrun(const std::optional<SlurmJob>& job, bool has_gpus,
                                       const std::vector<std::string>& arguments);

/// The command that starts `command` once on each node of the job's allocation:
/// `srun --ntasks-per-node=1 …`. Each task gets all CPUs of its node: since Slurm 22.05 srun does
/// not take them from sbatch.
std::vector<std::string> srun_once_a_node(const SlurmJob& job,
                                          const std::vector<std::string>& command);

}  // namespace eb
