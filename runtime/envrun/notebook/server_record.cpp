#include "runtime/envrun/notebook/server_record.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kLargestRecord = 64 << 10;

template <typename Address>
bool accepts(const Address& address) {
  const int socket = ::socket(reinterpret_cast<const sockaddr*>(&address)->sa_family,
                              SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const int result = connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  close(socket);
  return result == 0;
}

}  // namespace

std::optional<ServerRecord> parse_server_record(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    ServerRecord out;
    out.address = {.ip = json.at("hostname").get<std::string>(),
                   .port = json.at("port").get<int>(),
                   .socket = json.value("sock", ""),
                   .tls = json.value("secure", false),
                   .base_url = json.value("base_url", "/")};
    if (!out.address.socket.empty()) out.address.port = 0;
    out.pid = json.at("pid").get<int>();
    out.has_password = json.value("password", false);
    out.token = json.value("token", "");
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::optional<ServerRecord> find_server_record(Sys& sys, const std::string& directory) {
  try {
    const Fd opened = open_dir_at(sys, AT_FDCWD, directory.c_str(), directory);
    std::vector<DirEntry> entries;
    if (sys.list(opened.get(), &entries) < 0) return std::nullopt;
    for (const DirEntry& entry : entries) {
      if (!entry.name.starts_with("jpserver-") || !entry.name.ends_with(".json")) continue;
      const auto bytes =
          read_file_at(sys, opened.get(), entry.name.c_str(), kLargestRecord, entry.name);
      return parse_server_record({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
  } catch (const Error&) {
    // The server is about to write or to remove it.
  }
  return std::nullopt;
}

bool is_listening(const ServerAddress& address) {
  if (!address.socket.empty()) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    if (address.socket.size() >= sizeof un.sun_path) return false;
    std::memcpy(un.sun_path, address.socket.c_str(), address.socket.size());
    return accepts(un);
  }
  const std::string ip =
      is_wildcard(address.ip) || address.ip == "localhost" ? "127.0.0.1" : address.ip;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<uint16_t>(address.port));
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) return accepts(v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4.sin_port;
  if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) return accepts(v6);
  return true;
}

}  // namespace eb
