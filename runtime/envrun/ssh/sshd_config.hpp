#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// What sshd_config(5) is made of; all paths absolute.
struct SshdConfig {
  int port = 0;
  std::string address;
  std::string host_key;
  std::string authorized_keys;
  std::string pid_file;
  std::string user;
  std::string session_program;  ///< SshdSessionPath of OpenSSH >= 9.8; empty: sshd has none
  std::string auth_program;     ///< SshdAuthPath of OpenSSH >= 10.0; empty: sshd has none
  Variables variables;          ///< of every session, in place of the system's
};

/// The text, with the settings of HPC.md §7: keys only, sftp inside sshd, forwarding to local
/// ports alone.
std::string render_sshd_config(const SshdConfig& config);

/// Of a process' variables those that a session shall have: PATH, and what a batch system, CUDA,
/// NCCL, MPI and the environment use. Not HOME and the like, which sshd sets, and nothing that
/// looks like a secret: they are written to a file.
Variables session_variables(const Variables& all);

}  // namespace eb
