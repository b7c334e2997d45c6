#include "tests/support/hostile_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace eb::test {
namespace {

constexpr size_t kMaxRequestBytes = size_t{1} << 20;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool read_request(ServerConnection& connection, ReceivedRequest& out) {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const std::string more = connection.receive(4096);
    if (more.empty() || text.size() > kMaxRequestBytes) return false;
    text += more;
  }
  size_t at = text.find("\r\n");
  const std::string first = text.substr(0, at);
  const size_t space = first.find(' ');
  const size_t second = first.find(' ', space + 1);
  if (space == std::string::npos || second == std::string::npos) return false;
  out.method = first.substr(0, space);
  out.target = first.substr(space + 1, second - space - 1);
  while (true) {
    const size_t begin = at + 2;
    at = text.find("\r\n", begin);
    const std::string line = text.substr(begin, at - begin);
    if (line.empty()) return true;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) {
      out.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
  }
}

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace

bool ServerConnection::head(const std::string& status, const std::vector<std::string>& headers) {
  std::string text = "HTTP/1.1 " + status + "\r\n";
  for (const std::string& header : headers) text += header + "\r\n";
  return send(text + "\r\n");
}

bool ServerConnection::reply(const std::string& status, const std::vector<std::string>& headers,
                             std::string_view body) {
  std::vector<std::string> all = headers;
  all.push_back("Content-Length: " + std::to_string(body.size()));
  all.emplace_back("Connection: close");
  return head(status, all) && send(body);
}

class HostileServer::Plain : public ServerConnection {
 public:
  Plain(HostileServer& server, int socket) : server_(server), socket_(socket) {}

  bool send(std::string_view data) override {
    while (!data.empty()) {
      if (server_.stopping_) return false;
      const ssize_t put = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      server_.sent_bytes_ += static_cast<uint64_t>(put);
      data.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }
  std::string receive(size_t size) override {
    std::string out(size, '\0');
    const ssize_t got = recv(socket_, out.data(), size, 0);
    out.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return out;
  }
  bool pause(double seconds) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end && !server_.stopping_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return !server_.stopping_;
  }
  int socket() const override { return socket_; }

 protected:
  HostileServer& server_;
  int socket_;
};

class HostileServer::Secure final : public Plain {
 public:
  Secure(HostileServer& server, int socket, SSL* ssl) : Plain(server, socket), ssl_(ssl) {}
  ~Secure() override {
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  bool send(std::string_view data) override {
    while (!data.empty()) {
      if (server_.stopping_) return false;
      const int put = SSL_write(ssl_, data.data(), static_cast<int>(data.size()));
      if (put <= 0) return false;
      server_.sent_bytes_ += static_cast<uint64_t>(put);
      data.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }
  std::string receive(size_t size) override {
    std::string out(size, '\0');
    const int got = SSL_read(ssl_, out.data(), static_cast<int>(size));
    out.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return out;
  }

 private:
  SSL* ssl_;
};

HostileServer::HostileServer(Script script, Tls tls) : script_(std::move(script)), tls_(tls) {
  // OpenSSL writes with write(2); a client that hangs up must not end the tests.
  std::signal(SIGPIPE, SIG_IGN);
  if (tls_.identity != nullptr) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    // What this server offers is for the client to refuse.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    if (tls_.max_version != 0) SSL_CTX_set_max_proto_version(context, tls_.max_version);
    if (SSL_CTX_use_certificate(context, tls_.identity->certificate()) != 1 ||
        SSL_CTX_use_PrivateKey(context, tls_.identity->key()) != 1) {
      throw std::runtime_error("the test's certificate cannot be used");
    }
    tls_context_ = context;
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

HostileServer::~HostileServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  SSL_CTX_free(static_cast<SSL_CTX*>(tls_context_));
}

std::string HostileServer::url(const std::string& path, const std::string& host) const {
  return (tls_context_ != nullptr ? "https://" : "http://") + host + ":" + std::to_string(port_) +
         path;
}

std::vector<ReceivedRequest> HostileServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HostileServer::accept_loop() {
  while (!stopping_) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (stopping_) return;
      continue;
    }
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void HostileServer::serve(int socket) {
  {
    std::unique_ptr<ServerConnection> connection;
    if (tls_context_ != nullptr) {
      SSL* ssl = SSL_new(static_cast<SSL_CTX*>(tls_context_));
      SSL_set_fd(ssl, socket);
      connection = std::make_unique<Secure>(*this, socket, ssl);
      if (SSL_accept(ssl) != 1) connection.reset();
    } else {
      connection = std::make_unique<Plain>(*this, socket);
    }
    ReceivedRequest request;
    if (connection && read_request(*connection, request)) {
      {
        const std::lock_guard lock(mutex_);
        request.number = requests_.size();
        requests_.push_back(request);
      }
      script_(request, *connection);
    }
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
  close(socket);
}

HostileServer::Script well_behaved(std::string content, std::string etag) {
  return [content = std::move(content), etag = std::move(etag)](const ReceivedRequest& request,
                                                                ServerConnection& connection) {
    const std::string range = request.header("range");
    const std::string condition = request.header("if-range");
    const size_t from = range.starts_with("bytes=") ? std::stoul(range.substr(6)) : 0;
    if (range.empty() || (!condition.empty() && condition != etag)) {
      connection.reply("200 OK", {"ETag: " + etag}, content);
    } else if (from >= content.size()) {
      connection.reply("416 Range Not Satisfiable",
                       {"Content-Range: bytes */" + std::to_string(content.size())}, "");
    } else {
      connection.reply("206 Partial Content",
                       {"ETag: " + etag, "Content-Range: bytes " + std::to_string(from) + "-" +
                                             std::to_string(content.size() - 1) + "/" +
                                             std::to_string(content.size())},
                       content.substr(from));
    }
  };
}

void relay(ServerConnection& client, int port) {
  const int target = connect_to(port);
  if (target < 0) return;
  char buffer[16384];
  while (true) {
    pollfd waiting[2] = {{client.socket(), POLLIN, 0}, {target, POLLIN, 0}};
    if (poll(waiting, 2, 100) < 0 || !client.pause(0)) break;
    if ((waiting[0].revents & (POLLIN | POLLHUP)) != 0) {
      const std::string data = client.receive(sizeof buffer);
      if (data.empty() || send(target, data.data(), data.size(), MSG_NOSIGNAL) < 0) break;
    }
    if ((waiting[1].revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t got = recv(target, buffer, sizeof buffer, 0);
      if (got <= 0 || !client.send({buffer, static_cast<size_t>(got)})) break;
    }
  }
  close(target);
}

}  // namespace eb::test
