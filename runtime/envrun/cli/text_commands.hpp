#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun completion SHELL`: a script to source, or to put where the shell looks.
Action add_completion(CLI::App& app);
/// `envrun man`: the manual page.
Action add_man(CLI::App& app);

}  // namespace eb
