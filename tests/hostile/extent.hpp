#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace eb::test {

/// True where everything is asked for: EB_HOSTILE=all, as `ctest -C Exhaustive` sets it.
inline bool is_exhaustive() {
  const char* extent = std::getenv("EB_HOSTILE");
  return extent != nullptr && std::string_view(extent) == "all";
}

/// How much of a long test is done: a stated sample by default, all when it is asked for.
inline size_t extent(size_t sample, size_t all) { return is_exhaustive() ? all : sample; }

}  // namespace eb::test
