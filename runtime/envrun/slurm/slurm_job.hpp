#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// Names of Slurm's host list, "n[1-3,07],login" -> n1 n2 n3 n07 login. scontrol can do this too,
/// but asks the controller, and is not on every compute node. Leading zeros stay, one bracket or
/// several in a name. Throws Error(kUsage) for what is no such list, and for more than kMaxHosts.
std::vector<std::string> expand_host_list(const std::string& text);
inline constexpr size_t kMaxHosts = 65536;

/// The smallest number of Slurm's "4(x2),8": of CPUs or tasks on each node. 0 when it is no such
/// text.
unsigned smallest_of_counts(const std::string& text);

/// What Slurm's variables say of this process (sbatch(1), srun(1), "OUTPUT ENVIRONMENT VARIABLES").
struct SlurmJob {
  std::string id;
  /// Number of the step; empty in a batch script and in salloc's shell, where srun has to be called
  /// before anything runs on the other nodes.
  std::string step;
  std::vector<std::string> nodes;  ///< of the step, else of the job; in the order of node_id
  unsigned node_id = 0;            ///< which of `nodes` this is; 0 outside of a step
  unsigned tasks_per_node = 1;     ///< the most that the step has on a node
  unsigned cpus_per_node = 0;      ///< the fewest that the job has on a node; 0 = not known

  bool is_step() const { return !step.empty(); }
};

/// nullopt outside of a job. Throws Error(kUsage) when the variables contradict each other, as they
/// do after a copy of them into another shell.
std::optional<SlurmJob> read_slurm_job(const Variables& variables);

/// A TCP port from 20000 to 39999 that all nodes agree on without asking each other: jobs on shared
/// nodes, and steps of one job, get different ones. Below Linux's ephemeral ports but for a part.
unsigned rendezvous_port(const SlurmJob& job);

}  // namespace eb
