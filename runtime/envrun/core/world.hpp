#pragma once

#include <sys/types.h>

#include <functional>
#include <ostream>
#include <string>

#include "installer/base/sys.hpp"
#include "runtime/envrun/core/program.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// All that a sub-command has of the world outside; a test brings its own.
struct World {
  Sys& sys;
  std::ostream& out;  ///< results
  std::ostream& err;  ///< everything else
  Variables variables = {};
  std::string root = {};        ///< goes before /proc, /sys, /dev and /etc; empty outside tests
  std::string executable = {};  ///< own path, links resolved
  std::string host_name = {};   ///< as gethostname(2)
  std::string directory = {};   ///< the working directory
  uid_t uid = 0;
  gid_t gid = 0;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  /// Replaces this process (execute_program()); a test records instead and returns the exit code.
  std::function<int(const Program&)> execute = execute_program;
  /// Starts, waits, passes signals on (run_program()).
  std::function<int(const Program&)> run = run_program;
};

/// The real one, of this process.
World real_world(std::ostream& out, std::ostream& err);

inline constexpr char kProgramName[] = "envrun";

/// A line to stderr: "envrun: warning: TEXT".
void warn(World& world, const std::string& text);
/// A line to stderr: "envrun: TEXT".
void tell(World& world, const std::string& text);

}  // namespace eb
