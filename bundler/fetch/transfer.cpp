#include "bundler/fetch/transfer.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "bundler/fetch/redirect.hpp"
#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kSniffBytes = 512;

double random01() {
  thread_local std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

bool starts_on_loopback(const std::string& url) {
  const std::optional<UrlParts> parts = parse_url(url);
  return parts && host_kind(parts->host) == HostKind::kLoopback;
}

std::string seconds_text(double seconds) {
  const long tenths = std::lround(seconds * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// 1 MiB, or a 64th of a large file: so much progress buys new attempts, which bounds their number
// however often a server drops the connection.
uint64_t progress_that_counts(uint64_t size_bytes) {
  return std::max<uint64_t>(uint64_t{1} << 20, size_bytes / 64);
}

}  // namespace

bool looks_like_html(std::string_view first_bytes, std::string_view content_type) {
  if (first_bytes.starts_with("\xEF\xBB\xBF")) first_bytes.remove_prefix(3);
  const size_t begin = first_bytes.find_first_not_of(" \t\r\n");
  std::string text(begin == std::string_view::npos ? "" : first_bytes.substr(begin, 64));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text.starts_with("<!doctype html") || text.starts_with("<html") ||
         text.starts_with("<head") || text.starts_with("<body") || text.starts_with("<!--") ||
         (text.starts_with("<") && content_type.starts_with("text/html"));
}

Transfer::Transfer(const FetchRequest& request, const FetchOptions& options, OriginMemory& origins,
                   EventSink& events)
    : request_(request), options_(options), origins_(origins), events_(events) {}

TransferStep Transfer::start(std::unique_ptr<PartialFile> partial) {
  partial_ = std::move(partial);
  assembled_ = partial_->size_bytes() > 0;
  if (partial_->size_bytes() == request_.size_bytes) {
    if (partial_->digest() == request_.digest) return TransferStep::kAdopt;
    partial_->discard();
    assembled_ = false;
  }
  return begin_place();
}

TransferStep Transfer::resume() { return begin_exchange(); }

TransferStep Transfer::begin_place() {
  if (place_ >= request_.urls.size()) return TransferStep::kFailed;
  attempts_ = 0;
  hops_ = 0;
  url_ = place();
  ranges_tried_ = false;
  certificate_refused_ = false;
  first_bytes_.clear();
  try {
    if (local_path(url_)) return TransferStep::kCopy;
  } catch (const Error& error) {
    return place_failed(FailureKind::kRefused, error.why());
  }
  return begin_exchange();
}

TransferStep Transfer::begin_exchange() {
  begun_at_ = partial_->size_bytes();
  too_long_ = false;
  doomed_.clear();
  range_refused_.clear();
  first_bytes_.clear();
  ExchangeRequest request;
  request.url = url_;
  request.is_redirected = hops_ > 0;
  request.may_reach_loopback = options_.allow_loopback_redirects && starts_on_loopback(place());
  range_asked_ = begun_at_ > 0 && !ranges_tried_;
  if (range_asked_) {
    request.range_from = begun_at_;
    // A weak ETag must not stand in If-Range (RFC 9110 §13.1.5); it is compared afterwards.
    const std::string validator = partial_->validator_for(place());
    if (!validator.starts_with("W/")) request.if_range = validator;
  }
  exchange_.prepare(request, options_, *this);
  return TransferStep::kExchange;
}

std::string Transfer::range_problem(const ResponseHead& head) const {
  if (!range_asked_) return "answers 206 though the whole file was asked for";
  if (!head.has_range) return "answers 206 without saying which bytes it sends";
  if (head.range_first != partial_->size_bytes()) {
    return "sends bytes from " + std::to_string(head.range_first) + " on, asked for those from " +
           std::to_string(partial_->size_bytes()) + " on";
  }
  if ((head.range_total && *head.range_total != request_.size_bytes) ||
      head.range_last >= request_.size_bytes) {
    return "continues a file of another size";
  }
  const std::string validator = partial_->validator_for(place());
  if (!validator.empty() && !head.etag.empty() && validator != head.etag) {
    return "continues another version of the file (its ETag changed)";
  }
  return {};
}

std::string Transfer::on_head(const ResponseHead& head) {
  origins_.answered(origin_of(url_));
  if (head.status == 206) return range_refused_ = range_problem(head);
  if (head.content_length && *head.content_length != request_.size_bytes) {
    doomed_ = "has a file of " + std::to_string(*head.content_length) + " bytes, the lock says " +
              std::to_string(request_.size_bytes);
    return {};
  }
  // The whole file comes: an ignored Range (F079), a changed ETag (F081), or a first attempt.
  if (partial_->size_bytes() > 0) {
    events_.on(
        Note{request_.label + ": " + shown_url(url_) + " sends the file from its beginning"});
    partial_->discard();
  }
  assembled_ = false;
  partial_->set_validator(place(), head.etag);
  return {};
}

std::string Transfer::on_body(Bytes data) {
  if (first_bytes_.size() < kSniffBytes) {
    first_bytes_ += as_text(data.first(std::min(data.size(), kSniffBytes - first_bytes_.size())));
  }
  if (!doomed_.empty()) return first_bytes_.size() < kSniffBytes ? "" : doomed_;
  if (data.size() > request_.size_bytes - partial_->size_bytes()) {
    too_long_ = true;
    return "sends more than the " + std::to_string(request_.size_bytes) +
           " bytes that the lock names";
  }
  partial_->append(data);
  return {};
}

TransferStep Transfer::exchange_done(CURLcode code) {
  exchange_.finish(code);
  exchange_.rethrow_fault();
  const ResponseHead& head = exchange_.head();
  if (head.status != 0) origins_.answered(origin_of(url_));
  if (!range_refused_.empty()) return restart_whole(range_refused_);
  if (!doomed_.empty()) return place_failed(FailureKind::kMismatch, doomed_);
  if (too_long_) {
    partial_->discard();
    assembled_ = false;
    return place_failed(FailureKind::kMismatch, exchange_.refusal());
  }
  if (!exchange_.refusal().empty()) {
    return place_failed(FailureKind::kRefused, exchange_.refusal());
  }
  if (head.is_redirect() && (code == CURLE_OK || code == CURLE_WRITE_ERROR)) {
    const RedirectVerdict verdict =
        judge_redirect({.start_url = place(),
                        .from_url = url_,
                        .hops = hops_,
                        .allow_loopback = options_.allow_loopback_redirects},
                       head.locations);
    if (!verdict.refusal.empty()) return place_failed(FailureKind::kRefused, verdict.refusal);
    url_ = verdict.url;
    ++hops_;
    return begin_exchange();
  }
  const bool has_body = head.status == 200 || head.status == 206;
  if (has_body && code == CURLE_OK) return body_complete();
  if (!has_body && head.status >= 200 && (code == CURLE_OK || code == CURLE_WRITE_ERROR)) {
    if (head.status == 416 && range_asked_) return restart_whole("has no such range");
    return attempt_failed(classify_status(head.status), "answers " + std::to_string(head.status));
  }
  return transport_failed();
}

TransferStep Transfer::body_complete() {
  const ResponseHead& head = exchange_.head();
  const uint64_t have = partial_->size_bytes();
  if (head.status == 206) assembled_ = true;
  if (have == request_.size_bytes) return check_digest();
  const std::string answer = "ends after " + std::to_string(have) + " of " +
                             std::to_string(request_.size_bytes) + " bytes";
  // Without a length the end of the connection is the end of the body: it may have been cut (F070).
  if (head.status == 206 || (!head.content_length && !head.is_chunked)) {
    return attempt_failed(FailureKind::kTransient, answer);
  }
  partial_->discard();
  assembled_ = false;
  return place_failed(FailureKind::kMismatch, answer + mismatch_note());
}

TransferStep Transfer::check_digest() {
  const Sha256 got = partial_->digest();
  if (got == request_.digest) return TransferStep::kAdopt;
  const bool was_assembled = assembled_;
  partial_->discard();
  assembled_ = false;
  const std::string answer =
      "expected sha256 " + request_.digest.hex() + ", got " + got.hex() + mismatch_note();
  // Parts of different files make a third one. This place's own file has not been seen yet.
  if (was_assembled && !ranges_tried_) {
    return restart_whole("the parts do not fit together");
  }
  return place_failed(FailureKind::kMismatch, answer);
}

std::string Transfer::mismatch_note() const {
  const std::string& encoding = exchange_.head().content_encoding;
  if (encoding.empty()) return {};
  return " (sent with Content-Encoding " + encoding + ", though the file as it is was asked for)";
}

// Once for each place: what is there is thrown away and the whole file is asked for.
TransferStep Transfer::restart_whole(const std::string& reason) {
  if (ranges_tried_) return place_failed(FailureKind::kRefused, reason);
  events_.on(Note{request_.label + ": " + shown_url(url_) + " " + reason +
                  "; starting over with the whole file"});
  partial_->discard();
  assembled_ = false;
  ranges_tried_ = true;
  return begin_exchange();
}

TransferStep Transfer::transport_failed() {
  const CURLcode code = exchange_.code();
  const bool is_answered = exchange_.head().status != 0;
  std::string text = exchange_.transport_error();
  FailureKind kind = classify_transport(code, exchange_.connect_status());
  if (!is_answered && kind == FailureKind::kTransient) {
    // One attempt more would be the last: remember that nobody is there.
    if (attempts_ + 1 >= options_.attempts) origins_.unreachable(origin_of(url_));
  }
  if (is_answered && partial_->size_bytes() > 0 && kind == FailureKind::kTransient) {
    text += " after " + std::to_string(partial_->size_bytes()) + " of " +
            std::to_string(request_.size_bytes) + " bytes";
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    certificate_refused_ = true;
    text = "has a TLS certificate that is not accepted: " + text;
  } else if (is_header_line_too_long(code)) {
    text = "sends a header line that is too long";
  } else if (exchange_.connect_status() >= 400) {
    text = "the proxy answers " + std::to_string(exchange_.connect_status());
  }
  return attempt_failed(kind, text);
}

TransferStep Transfer::attempt_failed(FailureKind kind, const std::string& answer) {
  ++attempts_;
  if (partial_->size_bytes() >= begun_at_ + progress_that_counts(request_.size_bytes)) {
    attempts_ = 1;
  }
  RetryLimits limits{.attempts = options_.attempts,
                     .first_pause_s = options_.backoff_seconds,
                     .max_pause_s = options_.max_backoff_seconds};
  if (origins_.is_dead(origin_of(url_))) limits.attempts = 1;
  const RetryDecision decision =
      decide_retry(kind, attempts_, limits, exchange_.retry_after_s(), random01());
  if (!decision.again) return place_failed(kind, answer);
  // From the place's own address again: what it redirected to may be valid for a short time only.
  url_ = place();
  hops_ = 0;
  wait_s_ = decision.wait_s;
  events_.on(Note{request_.label + ": " + shown_url(place()) + ": " + answer +
                  "; trying again in " + seconds_text(wait_s_) + " from byte " +
                  std::to_string(partial_->size_bytes()) + " (attempt " +
                  std::to_string(attempts_ + 1) + " of " + std::to_string(limits.attempts) + ")"});
  return TransferStep::kWait;
}

TransferStep Transfer::place_failed(FailureKind kind, std::string answer) {
  // A file that ends early every time is another file, not a bad line.
  if (kind == FailureKind::kTransient && answer.starts_with("ends after ")) {
    kind = FailureKind::kMismatch;
  }
  PlaceAnswer out;
  out.url = shown_url(place());
  out.kind = kind;
  out.looks_like_html = kind == FailureKind::kMismatch &&
                        looks_like_html(first_bytes_, exchange_.head().content_type);
  out.is_certificate = certificate_refused_;
  out.answer = (hops_ > 0 ? "(redirected to " + shown_url(url_) + ") " : "") + std::move(answer);
  events_.on(Note{request_.label + ": " + out.url + ": " + out.answer});
  answers_.push_back(std::move(out));
  ++place_;
  return begin_place();
}

std::filesystem::path Transfer::adopt() { return partial_->adopt(request_.digest); }

}  // namespace eb
