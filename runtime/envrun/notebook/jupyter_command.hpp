#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun jupyter`: JupyterLab of the release, opened by a token, reachable from this machine
/// only unless asked otherwise.
Action add_jupyter(CLI::App& app);

}  // namespace eb
