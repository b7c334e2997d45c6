#include "runtime/envrun/notebook/address.hpp"

#include <algorithm>

namespace eb {
namespace {

constexpr int kSocketPort = 8888;

std::string bracketed(const std::string& ip) {
  return ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
}

std::string port_text(const ServerAddress& address) {
  return std::to_string(address.socket.empty() ? address.port : kSocketPort);
}

std::string near_host(const ServerAddress& address) {
  return is_loopback(address.ip) && address.ip.find(':') != std::string::npos ? address.ip
                                                                              : "127.0.0.1";
}

std::string url(const ServerAddress& address, const std::string& host) {
  return (address.tls ? "https://" : "http://") + bracketed(host) + ":" + port_text(address) +
         address.base_url + "lab";
}

std::string quoted(const std::string& word) {
  const auto is_plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("@%+=:,./_-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string at_host(const World& world, const std::string& host) {
  std::string user = world.variables.get("USER");
  if (user.empty()) user = world.variables.get("LOGNAME");
  return quoted(user.empty() ? host : user + "@" + host);
}

std::string short_name(const std::string& host) { return host.substr(0, host.find('.')); }

}  // namespace

bool is_loopback(const std::string& ip) {
  return ip == "localhost" || ip == "::1" || ip.starts_with("127.");
}

bool is_wildcard(const std::string& ip) {
  return ip.empty() || ip == "*" || ip == "0.0.0.0" || ip == "::";
}

std::string browser_url(const ServerAddress& address, const std::string& token) {
  return url(address, near_host(address)) + (token.empty() ? "" : "?token=" + token);
}

std::string network_url(const World& world, const ServerAddress& address) {
  if (!address.socket.empty() || is_loopback(address.ip)) return "";
  return url(address, is_wildcard(address.ip) ? world.host_name : address.ip);
}

std::string tunnel_command(const World& world, const ServerAddress& address) {
  const std::string node_name = world.variables.get("SLURMD_NODENAME");
  const std::string node = node_name.empty() ? world.host_name : node_name;
  std::string login = world.variables.get("ENVBUNDLE_LOGIN_HOST");
  if (login.empty() && !world.variables.get("SLURM_JOB_ID").empty()) {
    login = world.variables.get("SLURM_SUBMIT_HOST");
  }
  const bool behind_login = !login.empty() && short_name(login) != short_name(node);
  const bool on_network = address.socket.empty() && !is_loopback(address.ip);

  std::string target = bracketed(near_host(address)) + ":" + std::to_string(address.port);
  std::string machine = node;
  std::string jump;
  if (!address.socket.empty()) target = address.socket;
  if (behind_login && on_network) {
    target =
        bracketed(is_wildcard(address.ip) ? node : address.ip) + ":" + std::to_string(address.port);
    machine = login;
  } else if (behind_login) {
    jump = " -J " + at_host(world, login);
  } else if (on_network && !is_wildcard(address.ip)) {
    target = bracketed(address.ip) + ":" + std::to_string(address.port);
  }
  return "ssh -N" + jump + " -L " + quoted(port_text(address) + ":" + target) + " " +
         at_host(world, machine);
}

}  // namespace eb
