#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// What libexec/launch/NAME.env says about one program. One setting a line; '#' begins a comment
/// line:
///   NAME=VALUE       set when the environment has no NAME; "@R@" stands for the release
///   NAME=?A|B|C      the first of these paths that exists; unset when none does
///   @arguments A B   arguments that the program gets before those of the caller
///   @no-driver       the program does not use the GPU: do not look for its driver
struct Settings {
  char** envp = nullptr;  ///< the environment with the settings in it
  View arguments;         ///< separated by spaces
  bool wants_driver = true;
};

/// No such file: the environment as it is.
Settings read_settings(const char* file, View root, char** envp);

}  // namespace eb::launcher
