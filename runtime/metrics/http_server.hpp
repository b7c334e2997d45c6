#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace eb::metrics {

struct HttpLimits {
  /// From the accepted connection to the last byte of the answer, whatever the client does.
  std::chrono::milliseconds deadline{10000};
  size_t max_connections = 64;
  size_t max_header_bytes = 8192;
};

/// Serves one page: GET and HEAD of /metrics, of /healthz and of /. One request a connection. When
/// there are too many connections the oldest is closed: whoever only holds one open cannot keep
/// Prometheus out, whose requests take milliseconds. Runs in the thread that runs `io`.
///
/// Boost.Beast, because its deadline holds for the whole request: with Debian's cpp-httplib (one
/// thread a connection, linked with OpenSSL) and libevent's evhttp (idle time only) a client that
/// sends a byte now and then stays for ever. It is headers only, so nothing else has to be shipped.
class HttpServer {
 public:
  /// Binds and listens; port 0 takes a free one. `page` makes the text of /metrics and must not
  /// wait. With `token` not empty /metrics wants "Authorization: Bearer TOKEN". Throws
  /// boost::system::system_error when the address cannot be had.
  HttpServer(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& address,
             std::function<std::string()> page, std::string token, HttpLimits limits = {});

  boost::asio::ip::tcp::endpoint address() const { return acceptor_.local_endpoint(); }

 private:
  class Session;
  void accept();
  void make_room();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::function<std::string()> page_;
  std::string token_;
  HttpLimits limits_;
  std::list<std::weak_ptr<Session>> sessions_;  ///< the oldest first
};

}  // namespace eb::metrics
