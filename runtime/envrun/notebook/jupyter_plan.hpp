#pragma once

#include <string>
#include <vector>

#include "runtime/envrun/core/session.hpp"

namespace eb {

struct JupyterOptions {
  std::string ip = "127.0.0.1";
  int port = 0;  ///< 0: any free one
  std::string notebook_directory;
  std::string socket;
  std::string token_file;  ///< empty: in the state directory
  bool new_token = false;
  bool print_url = false;
  bool json = false;
  std::vector<std::string> arguments;  ///< for `jupyter lab` itself
};

/// Where the user's own files of a notebook session go.
struct JupyterHome {
  std::string token_file;
  bool is_lasting = true;  ///< false: there is no home directory to write to
};

/// The state directory's token file ($XDG_STATE_HOME, else ~/.local/state); without a home that
/// can be written to, everything is in `scratch`.
JupyterHome choose_home(const World& world, const JupyterOptions& options,
                        const std::string& scratch);

/// `jupyter lab` with its variables: the token by file (JUPYTER_TOKEN_FILE; never as an argument,
/// which every user of the machine can read), transient files in `scratch`, kernels of this
/// environment before those of ~/.local. Throws Error(kUsage) for options that cannot go together
/// and for a token or a password among the arguments.
Program plan_jupyter(const Session& session, const JupyterOptions& options, const JupyterHome& home,
                     const std::string& scratch);

}  // namespace eb
