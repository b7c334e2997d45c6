#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/error.hpp"
#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/ssh/account.hpp"

namespace eb {

/// What is looked at before sshd starts, each for a trap of HPC.md §7.
struct Finding {
  enum class State {
    kOk,
    kWarning,  ///< sshd works, but not all of it, or a person should know
    kFailed,   ///< nobody could log in
  };
  State state = State::kOk;
  std::string subject;  ///< one or two words
  std::string text;     ///< what is so
  std::string advice;   ///< what to do; may be empty
};

/// Interactive logins: an sshd without root may not give its terminal to the group tty, and ends
/// the login when it would have to. So devpts must be mounted with that group's gid=.
Finding check_terminals(const World& world);

/// The account as the chosen sshd sees it: known, not locked, with a shell that runs.
Finding check_account(const World& world, const std::optional<Account>& account);
Finding check_shell(const World& world, const Account& account);
/// /etc/nologin: sshd lets nobody in while it is there.
Finding check_nologin_file(const World& world);

/// As StrictModes of sshd: `file` and every folder above it, up to the home or "/", belongs to the
/// user or root and is writable by nobody else.
Finding check_key_path(const World& world, const std::string& file, const std::string& home);

/// A numeric address and whether more than this machine reaches it; nullopt when `text` is none.
struct ListenAddress {
  std::string text;
  bool is_loopback = false;
  bool is_any = false;  ///< all interfaces
  bool is_ipv6 = false;
};
std::optional<ListenAddress> parse_listen_address(const std::string& text);
Finding check_address(const ListenAddress& address);

/// Binds to the port and lets go of it. `port` 0 becomes a free one. `taken_by` names a server of
/// this user that has it, for the advice; may be empty.
Finding check_port(const ListenAddress& address, int& port, const std::string& taken_by);

}  // namespace eb
