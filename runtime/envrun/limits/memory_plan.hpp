#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/limits/memory_group_place.hpp"
#include "runtime/envrun/limits/user_manager.hpp"

namespace eb {

/// What decides how --memory can be kept here.
struct MemoryFacts {
  bool in_slurm_job = false;
  std::optional<uint64_t> slurm_bytes;  ///< what the job was given on this node, by its variables
  MemoryGroupPlace own;
  GroupSite site;
  UserManager manager;
  uint64_t machine_bytes = 0;  ///< 0 = unknown
};

MemoryFacts read_memory_facts(const World& world, const HostFiles& files);

/// SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU for the job's CPUs on this node, bytes. nullopt without
/// a limit (0 in Slurm's words), or without the variables.
std::optional<uint64_t> slurm_memory(const Variables& variables);

/// In the order of preference (HPC.md §9). RLIMIT_AS and RLIMIT_DATA are none of them: CUDA
/// reserves address space in amounts that say nothing of memory.
enum class MemoryMeans {
  kOwnLimit,  ///< the job's own limit is this one: nothing is to be done
  kScope,     ///< a systemd scope; never in a Slurm job, whose step it would leave
  kGroup,     ///< a control group of envrun's own
  kWatchdog,  ///< envrun looks, and ends the program: soft
};

struct MemoryPlan {
  uint64_t bytes = 0;
  MemoryMeans means = MemoryMeans::kWatchdog;
  GroupSite site = {};       ///< kGroup
  UserManager manager = {};  ///< kScope
  std::string text = {};     ///< for people: "32 GiB by systemd"
  std::vector<std::string> why_not_better = {};
  std::vector<std::string> warnings = {};
};

/// Pure. Throws Error(kUnsupportedFs, "the machine cannot") for more than the job has.
MemoryPlan plan_memory(uint64_t bytes, const MemoryFacts& facts);

}  // namespace eb
