#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/envrun/core/session.hpp"

namespace eb {

/// A line of passwd(5). sshd lets only the account in that it runs as.
struct Account {
  std::string name;
  std::string password;  ///< "x" nearly always; sshd takes a "!" at its begin for a locked account
  std::string home;
  std::string shell;
  bool operator==(const Account&) const = default;
};

/// From "name:password:uid:gid:gecos:home:shell"; nullopt for anything else.
std::optional<Account> parse_account(std::string_view line);

/// Who may be asked for an account. The names come from the machine's name service (files, LDAP,
/// SSSD …), which each C library loads for itself: envrun is static and cannot (HPC.md §7.6).
enum class NameService {
  kRelease,  ///< as the release's sshd sees it, through the release's python on the same C library
  kHost,     ///< as the host's sshd sees it, through the host's getent
};

/// The account of this process' user id; nullopt when that name service does not know it.
std::optional<Account> look_up_account(Session& session, NameService service);

}  // namespace eb
