#pragma once

#include <string>

#include "runtime/envrun/core/variables.hpp"
#include "runtime/envrun/ssh/keys.hpp"
#include "runtime/envrun/ssh/preflight.hpp"

namespace eb {

/// What a person needs at the other end.
struct ClientFacts {
  std::string user;
  std::string node;
  int port = 0;
  ListenAddress address;
  HostKey host_key;
  std::string submit_host;  ///< SLURM_SUBMIT_HOST, where a job was sent from; empty outside a job
};

/// The name that the snippet gives the server: "envrun-NODE".
std::string client_alias(const ClientFacts& facts);

/// The known_hosts line, the Host section for ~/.ssh/config and ready command lines. The way leads
/// over the login node in a job, and over the node's own ssh where the server listens on loopback.
std::string client_text(const ClientFacts& facts);

}  // namespace eb
