#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// What the kernel handed to the process.
struct Process {
  long argc = 0;
  char** argv = nullptr;
  char** envp = nullptr;
  const char* execfn = nullptr;  ///< AT_EXECFN: the path given to execve, nullptr if not told
  bool secure = false;           ///< AT_SECURE: the environment is not the caller's to choose
};

/// The program that this copy of the launcher stands for.
struct Program {
  const char* self = nullptr;  ///< absolute path of the running copy, without symlinks
  const char* root = nullptr;  ///< the release
  const char* name = nullptr;  ///< path of the program below the root, e.g. "bin/git"
  const char* real = nullptr;  ///< ROOT/libexec/real/NAME
};

/// Absolute path without symlinks; nullptr and `*error` (an errno) when it does not lead anywhere.
const char* real_path(View path, long* error);

bool is_same_file(const char* one, const char* other);

/// Finds the running copy (/proc/self/exe; where /proc is missing, AT_EXECFN and argv[0]) and walks
/// up to the directory that has libexec/real/<rest of the path>. A copy that stands in a venv
/// (`python -m venv --copies`) is led to its release by `home` in pyvenv.cfg. Ends the process with
/// a message when there is none.
Program find_program(const Process& process);

/// The argv[0] that the program shall see. What leads through the release's own directory of
/// the program (also by another name of that directory, such as PREFIX/bin) becomes a path in the
/// release, so that a job keeps the release it started with; a link elsewhere (a venv's) stays
/// as it was typed; a word that names something else becomes the program itself, because Python
/// finds its library through argv[0].
const char* choose_argv0(const Process& process, const Program& program);

}  // namespace eb::launcher
