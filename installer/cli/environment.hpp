#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

/// All that a command has of the world outside; a test brings its own.
struct Environment {
  Sys& sys;
  std::ostream& out;  ///< results
  std::ostream& err;  ///< everything else
  StopFlag& stop;
  int input = 0;  ///< descriptor that the bundle `-` is read from
  /// Value of an environment variable, empty when it is not set.
  std::function<std::string(const char*)> variable = [](const char*) { return std::string(); };
  /// All of them, "NAME=VALUE" each: what a child process may get.
  std::vector<std::string> variables = {};
  bool err_is_terminal = false;
  unsigned columns = 80;
  std::string root = {};  ///< goes before /proc, /sys and /etc; empty outside tests
  /// allowed_signers text of this installer's own; from the program itself outside tests.
  std::string anchors = {};
};

inline constexpr char kProgramName[] = "envinstall";

/// Runs a command line (without the program's name); returns the exit code. Never throws.
int run_installer(const std::vector<std::string>& arguments, Environment& environment) noexcept;

}  // namespace eb
