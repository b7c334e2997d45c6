#pragma once

#include <optional>
#include <string>

#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/ssh/account.hpp"

namespace eb {

/// Which sshd runs, and who it knows this user as.
struct SshdProgram {
  std::string path;  ///< absolute: sshd starts itself anew for each connection
  bool is_hosts = false;
  Variables variables;
  std::string keygen;           ///< its ssh-keygen, which also needs to know the account
  std::string session_program;  ///< as SshdConfig
  std::string auth_program;     ///< as SshdConfig
  std::optional<Account> account;
};

/// The release's sshd where its C library can look the user up, else the host's (HPC.md §7.6);
/// `want_hosts` takes the host's at once. Throws Error(kUsage) when the one that is needed is not
/// there.
SshdProgram choose_sshd(Session& session, bool want_hosts);

}  // namespace eb
