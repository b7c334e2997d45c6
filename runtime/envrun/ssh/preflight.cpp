#include "runtime/envrun/ssh/preflight.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "runtime/envrun/ssh/folders.hpp"

namespace eb {
namespace {

using State = Finding::State;

// The value of NAME=VALUE in a list with commas.
std::string option_value(const std::string& options, const std::string& name) {
  std::istringstream list(options);
  for (std::string each; std::getline(list, each, ',');) {
    if (each.starts_with(name + "=")) return each.substr(name.size() + 1);
  }
  return "";
}

// Options of what is mounted last on `point`; nullopt without such a mount.
std::optional<std::string> mount_options(const World& world, const std::string& point) {
  std::optional<std::string> found;
  std::istringstream mounts(read_text(world.sys, world.root + "/proc/mounts"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, where, type, options;
    if (words >> device >> where >> type >> options && where == point) found = options;
  }
  return found;
}

std::string gid_of_group(const World& world, const std::string& group) {
  std::istringstream groups(read_text(world.sys, world.root + "/etc/group"));
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with(group + ":")) continue;
    const size_t begin = line.find(':', group.size() + 1);
    if (begin == std::string::npos) return "";
    return line.substr(begin + 1, line.find(':', begin + 1) - begin - 1);
  }
  return "";
}

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

union AnyAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

}  // namespace

Finding check_terminals(const World& world) {
  Finding finding{State::kOk, "terminals", "an interactive login gets a terminal", ""};
  try {
    const auto options = mount_options(world, "/dev/pts");
    const std::string tty = gid_of_group(world, "tty");
    if (!options) {
      finding = {State::kWarning, "terminals", "no devpts is mounted on /dev/pts", ""};
    } else if (const std::string gid = option_value(*options, "gid"); gid != tty) {
      finding = {State::kWarning, "terminals",
                 "devpts is mounted " + (gid.empty() ? "without gid=" : "with gid=" + gid) +
                     ", the group tty has " + (tty.empty() ? "no entry" : tty),
                 ""};
    }
  } catch (const Error& error) {
    finding = {State::kWarning, "terminals", "cannot be told: " + error.where(), ""};
  }
  if (finding.state == State::kWarning) {
    finding.advice =
        "commands, sftp and forwarding work; interactive logins are closed at once unless the "
        "administrator mounts devpts with gid=5,mode=620";
  }
  return finding;
}

Finding check_account(const World& world, const std::optional<Account>& account) {
  const std::string uid = std::to_string(world.uid);
  if (!account) {
    return {State::kFailed, "account", "uid " + uid + " has no account here",
            "sshd needs a name and a shell for it: ask the administrator for the machine's name "
            "service (sssd, nslcd, nscd), or try --host-sshd"};
  }
  if (account->password.starts_with('!')) {
    return {State::kFailed, "account", account->name + " is locked",
            "sshd lets no locked account in; the administrator can unlock it without a password "
            "('usermod -p \"*\"')"};
  }
  return {State::kOk, "account", account->name + ", uid " + uid, ""};
}

Finding check_shell(const World& world, const Account& account) {
  const std::string shell = account.shell.empty() ? "/bin/sh" : account.shell;
  const std::string name = shell.substr(shell.rfind('/') + 1);
  if (world.sys.faccessat(AT_FDCWD, (world.root + shell).c_str(), X_OK) != 0) {
    return {
        State::kFailed, "shell", shell + " is not a program of this machine",
        "sshd refuses an account whose shell is missing; 'chsh' or the administrator changes it"};
  }
  if (name == "nologin" || name == "false") {
    return {State::kWarning, "shell", shell + " ends every session",
            "only sftp and forwarding work; 'chsh' or the administrator changes the shell"};
  }
  return {State::kOk, "shell", shell, ""};
}

Finding check_nologin_file(const World& world) {
  if (!file_exists(world.sys, world.root + "/etc/nologin")) {
    return {State::kOk, "logins", "not closed by /etc/nologin", ""};
  }
  return {State::kWarning, "logins", "/etc/nologin is there",
          "sshd ends every session while it is; the node is in maintenance"};
}

Finding check_key_path(const World& world, const std::string& file, const std::string& home) {
  std::array<char, PATH_MAX> buffer{};
  // sshd compares real paths; a home is often a link.
  const std::string real_home =
      realpath(home.c_str(), buffer.data()) == nullptr ? home : buffer.data();
  std::string path = realpath(file.c_str(), buffer.data()) == nullptr ? file : buffer.data();
  for (;; path = parent(path)) {
    struct stat info {};
    if (world.sys.fstatat(AT_FDCWD, path.c_str(), &info, 0) < 0) {
      return {State::kFailed, "key folder", path + " cannot be looked at", ""};
    }
    const bool foreign = info.st_uid != world.uid && info.st_uid != 0;
    if (foreign || (info.st_mode & 022) != 0) {
      return {State::kFailed, "key folder",
              path + (foreign ? " belongs to uid " + std::to_string(info.st_uid)
                              : " is writable by its group or others"),
              "sshd then trusts no key below it: 'chmod go-w " + path +
                  "', or set XDG_STATE_HOME to a folder that only you may write to, on a path of "
                  "such folders"};
    }
    if (path == "/" || path == real_home) break;
  }
  return {State::kOk, "key folder", "private", ""};
}

std::optional<ListenAddress> parse_listen_address(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    const uint32_t address = ntohl(v4.s_addr);
    return ListenAddress{text, (address >> 24) == 127, address == 0, false};
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    return ListenAddress{text, IN6_IS_ADDR_LOOPBACK(&v6) != 0, IN6_IS_ADDR_UNSPECIFIED(&v6) != 0,
                         true};
  }
  return std::nullopt;
}

Finding check_address(const ListenAddress& address) {
  if (address.is_loopback) {
    return {State::kOk, "address", address.text + ", reached from this machine alone", ""};
  }
  return {State::kWarning, "address",
          address.text + (address.is_any ? ", all networks of this machine" : ", a network"),
          "everybody on that network can try to log in; without --listen only this machine can"};
}

Finding check_port(const ListenAddress& address, int& port, const std::string& taken_by) {
  const int fd = socket(address.is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  AnyAddress bound{};
  socklen_t size = 0;
  if (address.is_ipv6) {
    bound.v6.sin6_family = AF_INET6;
    bound.v6.sin6_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET6, address.text.c_str(), &bound.v6.sin6_addr);
    size = sizeof bound.v6;
  } else {
    bound.v4.sin_family = AF_INET;
    bound.v4.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, address.text.c_str(), &bound.v4.sin_addr);
    size = sizeof bound.v4;
  }
  // As sshd does: connections that are only waiting to be forgotten are not in the way.
  const int on = 1;
  int error = fd < 0 ? errno : 0;
  if (error == 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (error == 0 && (bind(fd, &bound.any, size) != 0 || listen(fd, 1) != 0)) error = errno;
  if (error == 0 && getsockname(fd, &bound.any, &size) == 0) {
    port = ntohs(address.is_ipv6 ? bound.v6.sin6_port : bound.v4.sin_port);
  }
  if (fd >= 0) close(fd);
  const std::string where = "port " + std::to_string(port);
  if (error == 0) return {State::kOk, "port", where + " is free", ""};
  if (error != EADDRINUSE) {
    return {State::kFailed, "port", where + " of " + address.text + ": " + std::strerror(error),
            error == EACCES ? "below 1024 it needs root: choose another with --port"
                            : "--listen must be an address of this machine"};
  }
  if (!taken_by.empty()) {
    return {
        State::kFailed, "port", where + " is taken by " + taken_by,
        "use that one, or end it with 'envrun sshd --stop --port " + std::to_string(port) + "'"};
  }
  return {State::kFailed, "port", where + " is taken by another program",
          "choose another with --port N, or let the system choose with --port 0"};
}

}  // namespace eb
