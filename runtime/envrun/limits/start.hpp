#pragma once

#include "runtime/envrun/core/session.hpp"

namespace eb {

enum class StartMode {
  kBecome,  ///< this process becomes the program, unless a limit has to be watched
  kStay,    ///< the program is a child and signals are passed on: the caller cleans up after it
};

/// Applies the session's limits to `program` and starts it. Returns its exit code (kBecome: only
/// when it could not be started, or was a child after all); kNotFound for a program without a path.
/// Throws Error for a limit that this machine cannot keep; nothing was started then.
int start(Session& session, Program program, StartMode mode = StartMode::kBecome);

}  // namespace eb
