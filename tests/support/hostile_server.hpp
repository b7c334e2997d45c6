#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/test_certificates.hpp"

namespace eb::test {

/// One request as it came. Header names are in lower case; of several with one name the last
/// counts.
struct ReceivedRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
  size_t number = 0;  ///< of this server, from 0

  std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
};

/// The byte stream of an accepted connection; what a script writes to it is what the client gets,
/// however wrong.
class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  /// False when the client has gone or the server stops: a script that sends for ever ends then.
  virtual bool send(std::string_view data) = 0;
  /// At most `size` bytes; "" at the end.
  virtual std::string receive(size_t size) = 0;
  /// False when the server stops meanwhile.
  virtual bool pause(double seconds) = 0;
  virtual int socket() const = 0;

  /// Status line, headers, Content-Length, body.
  bool reply(const std::string& status, const std::vector<std::string>& headers,
             std::string_view body);
  /// As reply(), but with only the headers that are given.
  bool head(const std::string& status, const std::vector<std::string>& headers);
};

/// An HTTP server on loopback whose every answer is a script, run in a thread of its own for each
/// connection; the connection is closed when the script returns. Speaks plain TCP or TLS.
class HostileServer {
 public:
  using Script = std::function<void(const ReceivedRequest&, ServerConnection&)>;

  struct Tls {
    const TestIdentity* identity = nullptr;
    int max_version = 0;  ///< e.g. TLS1_VERSION; 0 = the library's newest
  };

  explicit HostileServer(Script script) : HostileServer(std::move(script), Tls()) {}
  HostileServer(Script script, Tls tls);
  /// Ends all connections and threads.
  ~HostileServer();
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const;
  std::vector<ReceivedRequest> requests() const;
  /// Bytes that scripts have sent and clients taken (or the kernel for them).
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  class Plain;
  class Secure;
  void accept_loop();
  void serve(int socket);

  Script script_;
  Tls tls_;
  void* tls_context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> sent_bytes_{0};
  mutable std::mutex mutex_;
  std::vector<ReceivedRequest> requests_;
  std::list<std::thread> threads_;
  std::vector<int> sockets_;
  std::thread acceptor_;
};

/// A script that serves `content` under every target, with Range and ETag as a good server does.
HostileServer::Script well_behaved(std::string content, std::string etag = "\"v1\"");

/// Copies bytes both ways between the connection and a loopback port until one side ends: what a
/// proxy does after CONNECT.
void relay(ServerConnection& client, int port);

}  // namespace eb::test
