#pragma once

#include <string>

#include "runtime/envrun/core/world.hpp"

namespace eb {

/// Where a notebook server listens, as its own record tells.
struct ServerAddress {
  std::string ip = {};         ///< as given to --ip
  int port = 0;                ///< 0 with a socket
  std::string socket = {};     ///< path of a UNIX socket; empty for TCP
  bool tls = false;            ///< https
  std::string base_url = "/";  ///< begins and ends with a slash
};

/// 127.0.0.0/8, ::1 and localhost: only users of the same machine reach it.
bool is_loopback(const std::string& ip);
/// 0.0.0.0, ::, * and the empty word: every network of the machine.
bool is_wildcard(const std::string& ip);

/// The URL in a browser at the near end of the tunnel, or on the machine itself: loopback. With a
/// token it opens without a question. A socket is reached at port 8888 of the tunnel.
std::string browser_url(const ServerAddress& address, const std::string& token = "");
/// The URL for others on the cluster's network; empty for a server on loopback or a socket.
std::string network_url(const World& world, const ServerAddress& address);

/// The command that a person types on their own computer so that browser_url() works there.
///
/// Outside of a job the server's machine is where they logged in. In a job it is a compute node
/// behind the login node ($ENVBUNDLE_LOGIN_HOST, else $SLURM_SUBMIT_HOST): a server on the node's
/// loopback needs ssh to run on the node (-J through the login node; pam_slurm_adopt admits owners
/// of a job), one on the network is reached from the login node itself.
std::string tunnel_command(const World& world, const ServerAddress& address);

}  // namespace eb
