#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/fetch/fetch.hpp"
#include "installer/base/digest.hpp"

namespace eb {

/// Response headers of one exchange may have at most this many bytes, interim responses and
/// trailers included (F086).
inline constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

/// True for libcurl's answers to a header line longer than it takes: CURLE_OUT_OF_MEMORY, and 100
/// (CURLE_TOO_LARGE) since libcurl 8.6.
bool is_header_line_too_long(CURLcode code);

/// What a server answered, before its body.
struct ResponseHead {
  long status = 0;
  std::optional<uint64_t> content_length;
  bool is_chunked = false;
  std::string etag;
  std::string content_type;
  std::string content_encoding;
  std::vector<std::string> locations;
  /// Content-Range: FIRST-LAST/TOTAL of a 206; has_range is false when it is missing or malformed.
  bool has_range = false;
  uint64_t range_first = 0;
  uint64_t range_last = 0;
  std::optional<uint64_t> range_total;

  bool is_redirect() const {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }
};

/// Takes one header line (with or without its line end) into `head`; a status line begins anew.
/// Returns why the line must not be believed, or "" when it is fine.
std::string take_header_line(std::string_view line, ResponseHead& head);

/// Receives the body of a 200 or 206. Called in the thread that drives the exchange; may throw, and
/// the exception comes out of Exchange::rethrow_fault().
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Once, before the first byte. Returns "" to go on, else why the answer is refused.
  virtual std::string on_head(const ResponseHead& head) = 0;
  /// Returns "" to go on, else why the body is refused.
  virtual std::string on_body(Bytes data) = 0;
};

struct ExchangeRequest {
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::optional<uint64_t> range_from;
  std::string if_range;        ///< ETag; "" = none
  bool is_redirected = false;  ///< then the address connected to is looked at too (F077)
  bool may_reach_loopback = false;
  bool decode_gzip = false;  ///< for documents; files are pinned as they are (F082)
};

/// One request and its answer on a libcurl handle; follows no redirect, retries nothing. No
/// exception passes through libcurl.
class Exchange {
 public:
  Exchange();
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Sets the handle up. It is then given to curl_easy_perform or to a multi handle; both keep the
  /// connection for the next exchange. `sink` must outlive the exchange.
  void prepare(const ExchangeRequest& request, const FetchOptions& options, BodySink& sink);
  CURL* handle() const { return easy_; }
  /// To be called with libcurl's result when the exchange is over.
  void finish(CURLcode code);

  const ResponseHead& head() const { return head_; }
  CURLcode code() const { return code_; }
  /// Throws again what the sink threw, if it did.
  void rethrow_fault() const;
  /// Why this side broke off; "" when it did not.
  const std::string& refusal() const { return refusal_; }
  /// libcurl's words on what went wrong, free of credentials.
  std::string transport_error() const;
  long connect_status() const;  ///< the proxy's answer to CONNECT, 0 = none
  std::optional<double> retry_after_s() const;

 private:
  static size_t on_header(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t on_data(char* data, size_t size, size_t count, void* self) noexcept;
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose,
                                      curl_sockaddr* address) noexcept;
  bool refuse(std::string reason);

  CURL* easy_;
  curl_slist* headers_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  BodySink* sink_ = nullptr;
  ResponseHead head_;
  size_t header_bytes_ = 0;
  uint64_t ignored_bytes_ = 0;
  bool may_reach_loopback_ = false;
  bool head_given_ = false;
  CURLcode code_ = CURLE_OK;
  std::string refusal_;
  std::exception_ptr fault_;
};

/// Sets libcurl up once for the process; safe from any thread.
void initialise_curl();

}  // namespace eb
