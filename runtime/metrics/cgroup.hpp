#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eb::metrics {

/// Memory of the control group that limits this process.
struct CgroupMemory {
  std::optional<double> current_bytes;
  std::optional<double> max_bytes;  ///< nullopt: no limit
  std::optional<double> oom_kills;
};

/// Of this process's own group and those above it the one with the lowest limit, because that is
/// where it will end; its own when none has a limit. `proc_cgroup`: the text of /proc/self/cgroup;
/// `mount`: /sys/fs/cgroup. Understands version 2 and, where memory is still there, version 1.
CgroupMemory read_cgroup_memory(std::string_view proc_cgroup, const std::string& mount);

/// "job_123" where Slurm put the process of this /proc/PID/cgroup into a job's group, else empty.
std::string job_component(std::string_view proc_cgroup);

}  // namespace eb::metrics
