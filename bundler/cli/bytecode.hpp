#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundler/stage/staging.hpp"
#include "installer/base/events.hpp"

namespace eb {

struct BytecodeResult {
  std::string python_version;        ///< of the staged interpreter, e.g. 3.11.2
  size_t compiled = 0;               ///< files
  std::vector<std::string> skipped;  ///< files that are not Python of that version, sorted
};

/// The staged interpreter (bin/python3.N), if there is one.
std::optional<RelPath> staged_interpreter(const Staging& staging);

/// Makes unchecked-hash .pyc files for everything below lib/python3.N with the staged interpreter,
/// `jobs` files at once; the bytes do not depend on `jobs`, on the folder or on the time. Files
/// that have one already keep it. Throws Error when the interpreter cannot be run.
BytecodeResult compile_bytecode(Staging& staging, const RelPath& interpreter, unsigned jobs,
                                EventSink& events);

}  // namespace eb
