#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A variable that puts foreign code into programs of the release. The check runs without it, jobs
/// that a person starts have it.
struct HostileVariable {
  std::string name;
  std::string value;   ///< at most 200 bytes, then "..."
  std::string effect;  ///< what it does to a program, e.g. "loads a library into every program"

  bool operator==(const HostileVariable&) const = default;
};

struct CheckEnvironment {
  std::vector<std::string> variables;  ///< "NAME=VALUE" for the child, in the caller's order
  std::vector<HostileVariable> hostile;
};

/// The child's environment from the caller's ("NAME=VALUE" each): what leads to GPUs, driver, batch
/// job and scratch space is kept, everything else is left out, and what is hostile is named
/// besides. LD_LIBRARY_PATH is kept, because where only it leads to the driver the launcher takes
/// the driver and nothing else from there. Messages shall be in English: LC_ALL is always C.UTF-8.
/// Of a name that stands twice the first counts, as for getenv(3).
CheckEnvironment check_environment(const std::vector<std::string>& caller);

/// The value of a variable in a list of "NAME=VALUE"; nullopt when it is not there.
std::optional<std::string> variable_in(const std::vector<std::string>& variables,
                                       std::string_view name);

}  // namespace eb
