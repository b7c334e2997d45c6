#pragma once

#include <string>
#include <string_view>

#include "installer/base/error.hpp"

namespace eb {

/// The artifact is what the lock names, byte for byte, and still cannot be used: it breaks a rule
/// of its format. So the lock has to name another one (code kInvalidLock). `entry` is the name
/// inside it, "" when the archive itself is meant.
inline Error bad_artifact(std::string what, std::string_view artifact, std::string_view entry,
                          std::string why) {
  Error error(ExitCode::kInvalidLock, std::move(what));
  error.where(std::string(artifact) + (entry.empty() ? "" : ": ") + std::string(entry))
      .why(std::move(why));
  return error;
}

}  // namespace eb
