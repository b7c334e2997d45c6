#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun venv DIR`: a user's own packages on top of the environment's. The work is done by
/// libexec/envbundle/venv.py of the release, with Python's own module `venv`.
Action add_venv(CLI::App& app);

}  // namespace eb
