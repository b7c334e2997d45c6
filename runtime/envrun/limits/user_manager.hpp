#pragma once

#include <string>

#include "installer/driver/host_files.hpp"
#include "runtime/envrun/core/world.hpp"

namespace eb {

/// The systemd of this user, which makes scopes with limits for `systemd-run --user --scope`.
struct UserManager {
  std::string systemd_run;        ///< path of the program; empty = see why_none
  std::string runtime_directory;  ///< XDG_RUNTIME_DIR for it
  std::string group;              ///< folder of its control group, around those of its scopes
  std::string why_none;
};

/// Asks whether it answers, and whether it may limit memory (the controller is delegated to it).
/// Talks to its socket only as far as connect(2): less than a millisecond.
UserManager find_user_manager(const World& world, const HostFiles& files);

}  // namespace eb
