#pragma once

#include <string>

#include "runtime/envrun/core/world.hpp"

namespace eb {

/// Where a user's sshd keeps its files. `state` outlives it and is shared by all nodes of a shared
/// home; `run` belongs to one server, named after node and port, so that two never meet.
struct SshdFolders {
  std::string state;
  std::string run;

  std::string authorized_keys() const { return state + "/authorized_keys"; }
  std::string config() const { return run + "/sshd_config"; }
  std::string pid_file() const { return run + "/envrun.pid"; }
  std::string sshd_pid_file() const { return run + "/sshd.pid"; }
};

/// $XDG_STATE_HOME, else $HOME/.local/state, then envbundle/sshd. Makes nothing. Throws
/// Error(kUsage) when neither variable is an absolute path.
SshdFolders sshd_folders(const World& world, int port);

/// Makes the folder and those above it (0700 each), and takes everybody else's rights from
/// `folder` itself. Throws Error.
void make_private_folder(Sys& sys, const std::string& folder);

/// A small text file, at most 1 MiB; throws Error.
std::string read_text(Sys& sys, const std::string& path);
/// Mode 0600, whole or not at all; throws Error.
void write_private_text(Sys& sys, const std::string& path, const std::string& text);
bool file_exists(Sys& sys, const std::string& path);

}  // namespace eb
