#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// Exit codes of a program that could not be started, as shells have them.
inline constexpr int kCannotStart = 126;
inline constexpr int kNotFound = 127;

/// How long a watcher can do without a look at its program.
struct WatchPause {
  std::chrono::milliseconds at_most;
  int fd = -1;  ///< also no longer than until this file changes (POLLPRI of poll(2)); -1 = none
};

/// What to start.
struct Program {
  std::string path;                    ///< of the file; no search
  std::vector<std::string> arguments;  ///< argv; the first is the name
  Variables variables;                 ///< its whole environment
  /// Runs in the new process (execute: in this one) right before execve, with only
  /// async-signal-safe calls where `run` is used; its result is 0 or an errno that ends the start.
  /// May be empty.
  std::function<int()> before = {};
  /// run alone: called in this process once the program (its process ID) runs, and after each pause
  /// as long as it does. Children that fell to this process (a subreaper) are waited for meanwhile.
  /// May be empty; does not throw.
  std::function<WatchPause(pid_t)> watch = {};
};

/// Replaces this process by the program. Returns only when that fails: prints why to stderr and
/// returns kNotFound or kCannotStart.
int execute_program(const Program& program);

/// Starts the program as a child in this process group, passes SIGTERM, SIGHUP, SIGUSR1, SIGUSR2
/// and SIGCONT on to it (SIGINT and SIGQUIT reach it from the terminal itself, and are passed on
/// when they came from elsewhere), and waits. Returns its exit code, or 128+N when signal N ended
/// it. Start failures as execute_program(). Not for use by several threads at once.
int run_program(const Program& program);

/// Where `name` is found: as it stands when it has a slash, else in the directories of `path` (a
/// list as in PATH). Empty when it is nowhere a regular file that may be executed.
std::string find_program(Sys& sys, const std::string& name, const std::string& path);

}  // namespace eb
