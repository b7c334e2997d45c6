#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bundler/fetch/exchange.hpp"
#include "bundler/fetch/fetch.hpp"
#include "bundler/fetch/partial_file.hpp"
#include "bundler/fetch/retry.hpp"

namespace eb {

/// What one place said in the end about one file.
struct PlaceAnswer {
  std::string url;     ///< fit to be shown
  std::string answer;  ///< "answers 404", "expected sha256 …, got …"
  FailureKind kind = FailureKind::kTransient;
  bool looks_like_html = false;
  bool is_certificate = false;  ///< the server's TLS certificate was not accepted
};

/// Servers that did not answer at all. With many files to fetch from a dead server, only the first
/// ones try it several times.
class OriginMemory {
 public:
  void answered(const std::string& origin) { answered_.insert(origin); }
  void unreachable(const std::string& origin) { unreachable_.insert(origin); }
  bool is_dead(const std::string& origin) const {
    return unreachable_.count(origin) != 0 && answered_.count(origin) == 0;
  }

 private:
  std::set<std::string> answered_;
  std::set<std::string> unreachable_;
};

/// What runs a transfer has to do next.
enum class TransferStep {
  kExchange,  ///< drive exchange() to its end, then exchange_done()
  kWait,      ///< for wait_s() seconds, then resume()
  kCopy,      ///< call copy_local(), in any one thread, then copy_done()
  kAdopt,     ///< the partial file is whole and right: adopt()
  kFailed,    ///< answers() says why
};

/// The course of one file over all its places: resume, restart, retry, redirect, next place. Knows
/// neither threads nor clocks; FetchRun drives it. Throws Error only for what ends the whole fetch
/// (disk full, no permission).
class Transfer final : private BodySink {
 public:
  Transfer(const FetchRequest& request, const FetchOptions& options, OriginMemory& origins,
           EventSink& events);

  TransferStep start(std::unique_ptr<PartialFile> partial);
  TransferStep resume();
  TransferStep exchange_done(CURLcode code);
  void copy_local();
  TransferStep copy_done();
  std::filesystem::path adopt();

  Exchange& exchange() { return exchange_; }
  double wait_s() const { return wait_s_; }
  const FetchRequest& request() const { return request_; }
  const std::vector<PlaceAnswer>& answers() const { return answers_; }
  uint64_t done_bytes() const { return partial_ ? partial_->size_bytes() : 0; }
  /// Ends the hold on the partial file, so that other processes can go on with it.
  void release() { partial_.reset(); }

 private:
  std::string on_head(const ResponseHead& head) override;
  std::string on_body(Bytes data) override;

  TransferStep begin_place();
  TransferStep begin_exchange();
  TransferStep restart_whole(const std::string& reason);
  TransferStep body_complete();
  TransferStep check_digest();
  TransferStep attempt_failed(FailureKind kind, const std::string& answer);
  TransferStep place_failed(FailureKind kind, std::string answer);
  TransferStep transport_failed();
  std::string range_problem(const ResponseHead& head) const;
  std::string mismatch_note() const;
  const std::string& place() const { return request_.urls[place_]; }

  const FetchRequest& request_;
  const FetchOptions& options_;
  OriginMemory& origins_;
  EventSink& events_;
  Exchange exchange_;
  std::unique_ptr<PartialFile> partial_;
  std::vector<PlaceAnswer> answers_;

  size_t place_ = 0;
  // Of the place:
  unsigned attempts_ = 0;
  unsigned hops_ = 0;
  std::string url_;            ///< after redirects
  bool ranges_tried_ = false;  ///< this place's ranges are not to be used (again)
  bool certificate_refused_ = false;
  // Of the bytes in the partial file:
  bool assembled_ = false;  ///< they come from more than one answer
  // Of the exchange:
  uint64_t begun_at_ = 0;  ///< size of the partial file when it began
  bool range_asked_ = false;
  bool too_long_ = false;
  std::string doomed_;         ///< the answer is of another file; only its first bytes are read
  std::string range_refused_;  ///< the 206 must not be appended
  std::string first_bytes_;

  double wait_s_ = 0;
  std::optional<PlaceAnswer> copy_failure_;
};

/// True when the text looks like the beginning of an HTML page (F083).
bool looks_like_html(std::string_view first_bytes, std::string_view content_type);

}  // namespace eb
