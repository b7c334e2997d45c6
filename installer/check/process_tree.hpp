#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb {

/// One process as /proc shows it. The start time (clock ticks since boot) tells it from a later one
/// with the same number.
struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';   ///< proc(5): R, S, D (waits in the kernel, cannot be killed), Z, …
  std::string start;  ///< field 22

  bool operator==(const ProcessEntry&) const = default;
};

/// The text of /proc/PID/stat; pid 0 when it is no such text. The program's name in it may hold
/// anything.
ProcessEntry parse_process_stat(const std::string& text);

/// A process now; pid 0 when there is none.
ProcessEntry read_process(Sys& sys, pid_t pid);

/// All processes that `ancestor` started, and theirs, as far as the chain of parents still leads to
/// it. Without /proc nothing is found.
std::vector<ProcessEntry> descendants_of(Sys& sys, pid_t ancestor);

}  // namespace eb
