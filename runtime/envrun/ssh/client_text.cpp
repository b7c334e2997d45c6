#include "runtime/envrun/ssh/client_text.hpp"

namespace eb {
namespace {

// The way there, as ProxyJump has it; empty when none is needed.
std::string jumps(const ClientFacts& facts) {
  std::string way = facts.submit_host == facts.node ? "" : facts.submit_host;
  if (facts.address.is_loopback) way += (way.empty() ? "" : ",") + facts.node;
  return way;
}

}  // namespace

std::string client_alias(const ClientFacts& facts) {
  return "envrun-" + facts.node.substr(0, facts.node.find('.'));
}

std::string client_text(const ClientFacts& facts) {
  const std::string alias = client_alias(facts);
  const std::string port = std::to_string(facts.port);
  const std::string host = facts.address.is_any ? facts.node : facts.address.text;
  const std::string jump = jumps(facts);
  std::string text;
  text += "host key   " + facts.host_key.fingerprint + (facts.host_key.is_new ? " (new)\n" : "\n");
  text += "on this machine:\n";
  text += "  ssh -p " + port + " -o HostKeyAlias=" + alias + " " + facts.user + "@" +
          (facts.address.is_any ? (facts.address.is_ipv6 ? "::1" : "127.0.0.1") : host) + "\n";
  text += "where you log in from, once: add to ~/.ssh/known_hosts\n";
  text += "  " + alias + " " + facts.host_key.public_line + "\n";
  text += "and to ~/.ssh/config\n";
  text += "  Host " + alias + "\n";
  text += "    HostName " + host + "\n";
  text += "    Port " + port + "\n";
  text += "    User " + facts.user + "\n";
  text += "    HostKeyAlias " + alias + "\n";
  text += "    StrictHostKeyChecking yes\n";
  if (!jump.empty()) text += "    ProxyJump " + jump + "\n";
  text += "then\n";
  text += "  ssh " + alias + " python --version\n";
  text += "  ssh -t " + alias + " envrun shell\n";
  text += "  sftp " + alias + "\n";
  text += "  ssh -N -L 8888:127.0.0.1:8888 " + alias + "\n";
  return text;
}

}  // namespace eb
