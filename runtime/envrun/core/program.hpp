#pragma once

#include <functional>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// Exit codes of a program that could not be started, as shells have them.
inline constexpr int kCannotStart = 126;
inline constexpr int kNotFound = 127;

/// What to start.
struct Program {
  std::string path;                    ///< of the file; no search
  std::vector<std::string> arguments;  ///< argv; the first is the name
  Variables variables;                 ///< its whole environment
  /// Runs in the new process (execute: in this one) right before execve, with only
  /// async-signal-safe calls where `run` is used; its result is 0 or an errno that ends the start.
  /// May be empty.
  std::function<int()> before = {};
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
