#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun doctor [SECTION...]`: what of this machine and this user's environment would stand in
/// the way, and what to do about it.
Action add_doctor(CLI::App& app);

}  // namespace eb
