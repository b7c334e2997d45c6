#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"

namespace eb {

/// A process as /proc/PID/stat shows it.
struct ProcessState {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';       ///< Z: ended, not waited for
  uint64_t resident = 0;  ///< bytes in memory; pages shared with others count whole
  std::string name = {};
};

/// nullopt when the text is no such line. `page_size` in bytes.
std::optional<ProcessState> parse_process_stat(const std::string& text, uint64_t page_size);

/// All processes that descend from `root`, itself left out, whatever group or session they moved
/// to. A process whose parent ended belongs to the nearest ancestor that is a subreaper (prctl(2)),
/// so that nothing escapes a `root` that is one. Zombies are left out.
std::vector<ProcessState> descendants_of(const HostFiles& files, pid_t root);

/// Bytes of memory and swap that are this process's own share: a page that n processes share counts
/// one n-th (PSS of /proc/PID/smaps_rollup). nullopt when the kernel does not tell.
std::optional<uint64_t> proportional_size(const HostFiles& files, pid_t pid);

/// SIGTERM to all descendants of `root`, up to `grace_ms`, then SIGKILL until none is left or 5 s
/// have passed; children of this process are waited for, except `keep`. Returns how many there were
/// at first.
size_t end_descendants(const HostFiles& files, pid_t root, unsigned grace_ms, pid_t keep = 0);

}  // namespace eb
