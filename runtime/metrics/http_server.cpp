#include "runtime/metrics/http_server.hpp"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace eb::metrics {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Response = http::response<http::string_body>;

constexpr char kIndex[] =
    "<!doctype html><title>envbundle metrics</title><h1>envbundle metrics</h1>"
    "<p><a href=\"/metrics\">/metrics</a></p>\n";

/// Takes the same time wherever texts of one length differ.
bool is_same(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    difference |= static_cast<unsigned char>(left[i] ^ right[i]);
  }
  return difference == 0;
}

}  // namespace

class HttpServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, const HttpServer& server)
      : server_(server), stream_(std::move(socket)), buffer_(server.limits_.max_header_bytes * 2) {
    parser_.header_limit(static_cast<std::uint32_t>(server.limits_.max_header_bytes));
  }

  void start() {
    stream_.expires_after(server_.limits_.deadline);  // never renewed
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              self->answer(error);
                            });
  }
  void stop() {
    beast::error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  static Response response(http::status status, const char* type, std::string body) {
    Response out(status, 11);
    out.set(http::field::content_type, type);
    out.body() = std::move(body);
    return out;
  }

  bool is_allowed() const {
    if (server_.token_.empty()) return true;
    const beast::string_view given = parser_.get()[http::field::authorization];
    return is_same("Bearer " + server_.token_, std::string_view(given.data(), given.size()));
  }

  Response make_response() const {
    const auto& request = parser_.get();
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      Response out = response(http::status::method_not_allowed, "text/plain", "GET or HEAD\n");
      out.set(http::field::allow, "GET, HEAD");
      return out;
    }
    beast::string_view target = request.target();
    target = target.substr(0, target.find('?'));
    if (target == "/healthz") return response(http::status::ok, "text/plain", "ok\n");
    if (target == "/") return response(http::status::ok, "text/html; charset=utf-8", kIndex);
    if (target != "/metrics") {
      return response(http::status::not_found, "text/plain", "the metrics are at /metrics\n");
    }
    if (!is_allowed()) {
      Response out = response(http::status::unauthorized, "text/plain", "a token is needed\n");
      out.set(http::field::www_authenticate, "Bearer");
      return out;
    }
    return response(http::status::ok, "text/plain; version=0.0.4; charset=utf-8", server_.page_());
  }

  void answer(const beast::error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      response_ =
          response(http::status::request_header_fields_too_large, "text/plain", "too long\n");
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      response_ = response(http::status::bad_request, "text/plain", "not HTTP/1.1\n");
    } else if (error) {
      return;  // gone, or too slow
    } else {
      response_ = make_response();
    }
    response_.keep_alive(false);
    response_.prepare_payload();
    if (!error && parser_.get().method() == http::verb::head) {
      const std::string size = std::to_string(response_.body().size());
      response_.body().clear();
      response_.set(http::field::content_length, size);
    }
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const beast::error_code&, size_t) {
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
                      });
  }

  const HttpServer& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Response response_;
};

HttpServer::HttpServer(asio::io_context& io, const asio::ip::tcp::endpoint& address,
                       std::function<std::string()> page, std::string token, HttpLimits limits)
    : acceptor_(io, address, true),
      pause_(io),
      page_(std::move(page)),
      token_(std::move(token)),
      limits_(limits) {
  accept();
}

void HttpServer::accept() {
  acceptor_.async_accept([this](const beast::error_code& error, asio::ip::tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {  // out of descriptors, say: it will pass
      pause_.expires_after(std::chrono::milliseconds(100));
      pause_.async_wait([this](const beast::error_code& aborted) {
        if (!aborted) accept();
      });
      return;
    }
    make_room();
    const auto session = std::make_shared<Session>(std::move(socket), *this);
    sessions_.push_back(session);
    session->start();
    accept();
  });
}

void HttpServer::make_room() {
  sessions_.remove_if([](const std::weak_ptr<Session>& each) { return each.expired(); });
  while (sessions_.size() >= limits_.max_connections) {
    if (const auto oldest = sessions_.front().lock()) oldest->stop();
    sessions_.pop_front();
  }
}

}  // namespace eb::metrics
