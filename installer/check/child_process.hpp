#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb {

using Milliseconds = std::chrono::milliseconds;

/// What to start: no shell, no search in PATH. The child's standard input is /dev/null.
struct ChildCommand {
  std::vector<std::string> arguments;    ///< the first is the program's path
  std::vector<std::string> environment;  ///< "NAME=VALUE"; the child has nothing else
};

/// What a child may cost. The output is another program's and may be hostile or broken: whatever it
/// writes, the caller's memory stays below these numbers.
struct ChildBounds {
  size_t line_bytes = 16u << 10;       ///< a longer line is dropped and counted
  size_t output_bytes = 4u << 20;      ///< standard output as a whole; more ends the child
  size_t lines = 20'000;               ///< more end the child
  size_t error_tail_bytes = 8u << 10;  ///< the last bytes of standard error are kept
  Milliseconds first_limit{60'000};    ///< deadline until the first line moves it
  Milliseconds term_grace{2'000};      ///< from SIGTERM to SIGKILL
  Milliseconds kill_grace{3'000};      ///< from SIGKILL to giving the child up
  /// A seam for tests: a process that no signal ends. kill(2) when empty.
  std::function<int(pid_t, int)> send_signal;
};

/// Why the child was ended before it ended itself.
enum class ChildCut { kNone, kDeadline, kStopped, kTooMuchOutput };

struct ChildResult {
  int start_error = 0;  ///< errno of the start; everything below is empty then
  ChildCut cut = ChildCut::kNone;
  std::optional<int> exit_code;  ///< none when a signal ended it, or when nobody knows
  int signal = 0;                ///< that ended it; 0 = none
  /// It did not end on SIGKILL and was left alone: it waits inside the kernel, as below a driver
  /// that hangs. Only a reboot ends such a process.
  bool abandoned = false;
  char abandoned_state = '?';  ///< as in /proc/PID/stat
  pid_t pid = 0;
  size_t long_lines = 0;   ///< dropped lines
  std::string error_tail;  ///< raw bytes
  double seconds = 0;
};

/// Called with each line of standard output, without its newline. The answer moves the deadline to
/// that long from now; nullopt leaves it where it is. What it throws ends the child and passes on.
using LineHandler = std::function<std::optional<Milliseconds>(std::string_view line)>;

/// Starts a program in a process group of its own, and returns when it has ended or was given up,
/// whatever it does. At the deadline, when `stopped` says so, and when there is too much output,
/// the group gets SIGTERM and then SIGKILL; so do its descendants that left the group. What is left
/// of the group when the program itself has ended gets SIGKILL. `stopped` may be empty; it is asked
/// about 20 times a second.
///
/// Leaves no zombie (but of an abandoned child) and no descriptor. Safe in a process with threads;
/// installs no signal handler. Throws Error only where pipes cannot be made.
ChildResult run_child(Sys& sys, const ChildCommand& command, const ChildBounds& bounds,
                      const std::function<bool()>& stopped, const LineHandler& on_line);

}  // namespace eb
