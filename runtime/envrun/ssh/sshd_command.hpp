#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun sshd`: the release's (or the host's) OpenSSH server as the user who calls, in the
/// foreground, keys only. It starts only with a confirmation, --i-have-permission or the file
/// $XDG_CONFIG_HOME/envbundle/sshd-permission: many sites forbid private servers.
Action add_sshd(CLI::App& app);

}  // namespace eb
