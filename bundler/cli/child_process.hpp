#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/file.hpp"

namespace eb {

/// What a program of the staged tree is started with. Nothing of the caller's environment or open
/// files reaches it, so that a build does not depend on them.
struct ChildProcess {
  std::vector<std::string> argv;  ///< argv[0] is the file
  std::vector<std::string> environment;
  std::string folder;      ///< working directory
  std::string_view input;  ///< what it reads from descriptor 3
};

struct ChildResult {
  int status = 0;      ///< exit code, or 128 + signal
  std::string errors;  ///< the end of what it wrote to stderr, at most 16 KiB
};

/// Runs it to its end; `on_line` gets each line of its stdout. Throws Error(kIo) when it cannot be
/// started. It is ended when a signal ends this process.
ChildResult run_child(const ChildProcess& child,
                      const std::function<void(std::string_view)>& on_line);

}  // namespace eb
