#pragma once

#include <string>
#include <thread>

#include "runtime/envrun/notebook/jupyter_plan.hpp"
#include "runtime/envrun/notebook/server_record.hpp"

namespace eb {

/// Tells the user how to reach a server that listens: the URL, where the token is, the tunnel. The
/// token itself is shown on a terminal only, or where --print-url asks for it: the output of a job
/// is a file that others may read.
void announce(World& world, const JupyterOptions& options, const ServerRecord& record,
              const std::string& token_file, const std::string& token);

/// Waits in a thread of its own, five minutes at most, until the server of `scratch` answers, and
/// announces it. The destructor ends the wait. The thread takes no signal; while it runs nothing
/// else may use the world's streams.
class Announcer {
 public:
  Announcer(World& world, const JupyterOptions& options, std::string scratch,
            std::string token_file, std::string token);

 private:
  std::jthread thread_;
};

}  // namespace eb
