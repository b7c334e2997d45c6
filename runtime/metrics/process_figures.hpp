#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb::metrics {

struct ProcessFigures {
  unsigned pid = 0;
  std::string command;  ///< the kernel's name for it, at most 15 bytes; never its arguments
  double cpu_seconds = 0;
  double started = 0;  ///< seconds since 1970
  uint64_t threads = 0;
  uint64_t resident_bytes = 0;
  /// Shared pages count by their share. Only for the biggest processes: it costs a walk over their
  /// page tables.
  std::optional<uint64_t> proportional_bytes;
};

struct ProcessSample {
  std::vector<ProcessFigures> biggest;  ///< by resident memory, at most kMaxShown
  uint64_t count = 0;
  uint64_t resident_bytes = 0;
  double cpu_seconds = 0;  ///< of those that run now
};

inline constexpr size_t kMaxShownProcesses = 32;

/// One line of /proc/PID/stat (proc(5)); `boot_time` in seconds since 1970. The command may hold
/// blanks and parentheses. nullopt when it is malformed.
std::optional<ProcessFigures> parse_process_stat(std::string_view line, double boot_time,
                                                 double ticks_per_second, uint64_t page_bytes);

/// The processes of the user `uid`; with `job` not empty, only those of a control group whose path
/// has that component ("job_123").
ProcessSample read_processes(const std::string& proc, unsigned uid, const std::string& job);

}  // namespace eb::metrics
