#pragma once

#include <string>
#include <utility>
#include <vector>

namespace eb {

/// Another program that answers a question: apt, uv, python3.
struct Program {
  std::vector<std::string> argv;  ///< argv[0] is looked for in PATH unless it has a slash
  /// Variables set (or, with "", removed) in a copy of this process's environment. LC_ALL=C.UTF-8
  /// is always set, so that answers can be read.
  std::vector<std::pair<std::string, std::string>> environment;
};

struct ProgramResult {
  int status = 0;      ///< exit code, or 128 + signal
  std::string output;  ///< at most 256 MiB
  std::string errors;  ///< at most the last 64 KiB
};

/// Runs it to its end with an empty stdin. Throws Error(kInternal) when it cannot be started, and
/// Error(kIo) when it writes more than is sensible.
ProgramResult run_program(const Program& program);

/// Whether run_program() would find it.
bool program_exists(const std::string& name);

/// The last lines of a program's messages, for an error's `why`.
std::string last_lines(const std::string& text, size_t count);

}  // namespace eb
