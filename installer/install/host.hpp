#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// What an install needs to know of machine and process. A value, so that a test can be on any
/// machine.
struct Host {
  std::string machine;        ///< as `uname -m`: x86_64, aarch64
  std::string kernel;         ///< as `uname -r`
  std::string node;           ///< host name
  std::string machine_id;     ///< /etc/machine-id; empty = unknown
  std::string boot_id;        ///< changes with every boot; empty = unknown
  std::string pid_namespace;  ///< a process ID means something only inside; empty = unknown
  std::string home;           ///< $HOME; empty = unknown
  unsigned cpus = 1;          ///< threads that may run at once: affinity and cgroup quota
  uid_t uid = 0;
  pid_t pid = 0;
  int64_t now = 0;   ///< seconds since 1970
  std::string root;  ///< goes before /proc, /sys, /etc; empty outside tests
};

/// Reads what the system tells; what it does not tell stays empty.
Host read_host(Sys& sys, std::string home, std::string root = {});

/// CPUs that the cgroups above this process grant, v2 or v1, rounded up; 0 = no limit.
unsigned cgroup_cpu_limit(Sys& sys, const std::string& root);

/// When process `pid` began, in clock ticks since boot; empty when there is no such process, or
/// only what is left of one until its parent asks after it (a zombie uses nothing and ends
/// nothing).
std::string process_start(Sys& sys, const std::string& root, pid_t pid);

}  // namespace eb
