#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "runtime/envrun/core/session.hpp"

namespace eb {

/// What a sub-command does once its options are parsed: returns the exit code of envrun, or throws
/// Error.
///
/// A room declares `Action add_NAME(CLI::App& app)` for each of its sub-commands: it adds options
/// to `app` and returns what they make of it. The options' values live in a shared_ptr that the
/// Action holds; `app` outlives the Action, so that it may ask for app.remaining().
using Action = std::function<int(Session&)>;

}  // namespace eb
