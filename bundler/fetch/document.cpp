#include <fcntl.h>
#include <strings.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <random>
#include <thread>

#include "bundler/fetch/exchange.hpp"
#include "bundler/fetch/fetch.hpp"
#include "bundler/fetch/redirect.hpp"
#include "bundler/fetch/retry.hpp"
#include "bundler/fetch/sigpipe_block.hpp"
#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

class MemorySink final : public BodySink {
 public:
  explicit MemorySink(size_t max_bytes) : max_bytes_(max_bytes) {}

  std::string on_head(const ResponseHead& head) override {
    return head.content_length && *head.content_length > max_bytes_ ? too_large() : "";
  }
  std::string on_body(Bytes data) override {
    if (data.size() > max_bytes_ - body_.size()) return too_large();
    body_ += as_text(data);
    return {};
  }
  std::string take() { return std::move(body_); }

 private:
  std::string too_large() const {
    return "sends more than the " + std::to_string(max_bytes_) + " bytes that make sense here";
  }
  size_t max_bytes_;
  std::string body_;
};

// One handle a thread: it keeps its connections, and an index of hundreds of pages needs one TLS
// handshake.
Exchange& exchange_of_thread() {
  thread_local Exchange exchange;
  return exchange;
}

HttpDocument read_local(const std::filesystem::path& path, const std::string& url,
                        size_t max_bytes) {
  HttpDocument out;
  out.final_url = url;
  Sys& sys = real_sys();
  const int raw = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  if (raw == -ENOENT || raw == -ENOTDIR) {
    out.status = 404;
    return out;
  }
  if (raw >= 0) sys.close(raw);
  const std::vector<std::byte> data =
      read_file_at(sys, AT_FDCWD, path.c_str(), max_bytes, path.string());
  out.status = 200;
  out.body = as_text(data);
  return out;
}

// Headers that identify the user go to the place that the caller named, not where it points to.
std::vector<std::string> headers_for(const std::vector<std::string>& headers,
                                     const std::string& start, const std::string& url) {
  if (origin_of(start) == origin_of(url)) return headers;
  std::vector<std::string> out;
  for (const std::string& header : headers) {
    const std::string name = header.substr(0, header.find(':'));
    if (strcasecmp(name.c_str(), "authorization") != 0 && strcasecmp(name.c_str(), "cookie") != 0) {
      out.push_back(header);
    }
  }
  return out;
}

// A range of a compressed form is of no use to anybody.
bool asks_for_range(const std::vector<std::string>& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const std::string& header) {
    return strncasecmp(header.c_str(), "range:", 6) == 0;
  });
}

struct Attempt {
  std::optional<HttpDocument> document;
  FailureKind kind = FailureKind::kTransient;
  std::string answer;
  std::optional<double> retry_after_s;
  bool is_certificate = false;
};

Attempt attempt(const std::string& url, const std::vector<std::string>& headers, size_t max_bytes,
                const FetchOptions& options) {
  Exchange& exchange = exchange_of_thread();
  const std::optional<UrlParts> start = parse_url(url);
  Attempt out;
  std::string at = url;
  for (unsigned hops = 0;; ++hops) {
    MemorySink sink(max_bytes);
    ExchangeRequest request;
    request.url = at;
    request.headers = headers_for(headers, url, at);
    request.is_redirected = hops > 0;
    request.may_reach_loopback =
        options.allow_loopback_redirects && start && host_kind(start->host) == HostKind::kLoopback;
    request.decode_gzip = !asks_for_range(headers);
    exchange.prepare(request, options, sink);
    const CURLcode code = curl_easy_perform(exchange.handle());
    exchange.finish(code);
    exchange.rethrow_fault();
    const ResponseHead& head = exchange.head();
    if (!exchange.refusal().empty()) {
      out.kind = FailureKind::kRefused;
      out.answer = exchange.refusal();
      return out;
    }
    const bool is_answer = code == CURLE_OK || (code == CURLE_WRITE_ERROR && head.status >= 300);
    if (is_answer && head.is_redirect()) {
      const RedirectVerdict verdict =
          judge_redirect({.start_url = url,
                          .from_url = at,
                          .hops = hops,
                          .allow_loopback = options.allow_loopback_redirects},
                         head.locations);
      if (verdict.refusal.empty()) {
        at = verdict.url;
        continue;
      }
      out.kind = FailureKind::kRefused;
      out.answer = verdict.refusal;
      return out;
    }
    if (is_answer &&
        (head.status < 400 || classify_status(head.status) != FailureKind::kTransient)) {
      out.document = HttpDocument{.status = head.status,
                                  .content_type = head.content_type,
                                  .final_url = at,
                                  .body = sink.take(),
                                  .whole_bytes = head.has_range ? head.range_total : std::nullopt};
      return out;
    }
    if (is_answer) {
      out.kind = FailureKind::kTransient;
      out.answer = "answers " + std::to_string(head.status);
      out.retry_after_s = exchange.retry_after_s();
    } else {
      out.kind = classify_transport(code, exchange.connect_status());
      out.is_certificate = code == CURLE_PEER_FAILED_VERIFICATION;
      out.answer =
          exchange.connect_status() >= 400
              ? "the proxy answers " + std::to_string(exchange.connect_status())
          : is_header_line_too_long(code)
              ? "sends a header line that is too long"
              : (out.is_certificate ? "has a TLS certificate that is not accepted: " : "") +
                    exchange.transport_error();
    }
    return out;
  }
}

}  // namespace

HttpDocument fetch_document(const std::string& url, const std::vector<std::string>& headers,
                            size_t max_bytes, const FetchOptions& options) {
  if (const auto path = local_path(url)) return read_local(*path, url, max_bytes);
  const SigpipeBlock no_sigpipe;
  const RetryLimits limits{.attempts = options.attempts,
                           .first_pause_s = options.backoff_seconds,
                           .max_pause_s = options.max_backoff_seconds};
  thread_local std::minstd_rand engine(std::random_device{}());
  for (unsigned made = 1;; ++made) {
    Attempt got = attempt(url, headers, max_bytes, options);
    if (got.document) return std::move(*got.document);
    const double random = std::uniform_real_distribution<double>(0, 1)(engine);
    const RetryDecision decision = decide_retry(got.kind, made, limits, got.retry_after_s, random);
    if (decision.again) {
      std::this_thread::sleep_for(std::chrono::duration<double>(decision.wait_s));
      continue;
    }
    Error error(ExitCode::kNetwork, "cannot fetch a document");
    error.where(shown_url(url)).why(got.answer);
    if (made > 1) error.hint("tried " + std::to_string(made) + " times");
    if (got.is_certificate) {
      error.hint(
          "if your site inspects TLS, name its CA certificates in SSL_CERT_FILE; check the clock "
          "too");
    }
    throw error;
  }
}

}  // namespace eb
