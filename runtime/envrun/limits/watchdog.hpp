#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "installer/driver/host_files.hpp"

namespace eb {

/// Looks at the memory of a process tree, as cheaply as the distance to the limit allows: the sum
/// of resident sizes is never less than what is used and costs little; only where it passes the
/// limit are shared pages counted as shares (PSS), which costs the kernel a walk of the page
/// tables. Not seen: files in /dev/shm that no process has mapped, and page cache.
class Watchdog {
 public:
  Watchdog(const HostFiles& files, uint64_t limit) : files_(&files), limit_(limit) {}

  struct Look {
    uint64_t used = 0;  ///< bytes; not more than this
    bool is_over = false;
    bool is_far_over = false;  ///< by more than a tenth: there is no time to ask
    std::chrono::milliseconds next{1000};
  };
  /// At all descendants of `root`.
  Look look(pid_t root);
  uint64_t peak() const { return peak_; }

 private:
  const HostFiles* files_;
  uint64_t limit_;
  uint64_t peak_ = 0;
};

/// Until the next look: what a fast writer could fill meanwhile, at least 20 times the CPU time
/// that a look costs, 20 ms to 1 s.
std::chrono::milliseconds watchdog_pause(uint64_t room, std::chrono::microseconds cost);

}  // namespace eb
