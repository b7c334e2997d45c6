#pragma once

#include <map>
#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"
#include "runtime/envrun/limits/cpu_list.hpp"

namespace eb {

/// The CPUs of this job and how they lie.
struct CpuFacts {
  CpuList allowed;                ///< affinity of this process: what the job was given
  std::vector<CpuList> cores;     ///< hardware threads of each core, allowed or not
  std::map<int, CpuList> nodes;   ///< NUMA node -> its CPUs
  std::map<unsigned, int> taken;  ///< CPU -> how many other processes of this user are pinned to it
};

CpuFacts read_cpu_facts(const HostFiles& files, uid_t uid);

/// What --cpus asks for, within what is allowed: whole cores, first those on `near_nodes` (the NUMA
/// nodes of the chosen GPUs), first those that nothing else of this user is pinned to, so that two
/// envruns on one machine do not share CPUs while others are idle. Throws Error(kUnsupportedFs,
/// "the machine cannot") for more than there are. Pure.
CpuList choose_cpus(const CpuRequest& request, const CpuFacts& facts,
                    const std::vector<int>& near_nodes);

/// Sets the affinity of the calling process; 0 or an errno. Async-signal-safe but for allocation:
/// `mask` is made by cpu_mask().
using CpuMask = std::vector<unsigned long>;
CpuMask cpu_mask(const CpuList& cpus);
int set_affinity(const CpuMask& mask);

}  // namespace eb
