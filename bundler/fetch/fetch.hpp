#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bundler/fetch/cache.hpp"
#include "installer/base/digest.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// One file to obtain, and every place to try for it, in order. A URL may be http, https or file,
/// or a plain path.
struct FetchRequest {
  std::string label;  ///< file name, for messages and progress
  uint64_t size_bytes = 0;
  Sha256 digest;
  std::vector<std::string> urls;
};

struct FetchOptions {
  unsigned connections = 4;         ///< at least 1
  unsigned attempts = 4;            ///< per URL, back-off between them
  double backoff_seconds = 0.5;     ///< first pause; doubles, with jitter
  double max_backoff_seconds = 30;  ///< longest pause, also for what Retry-After asks
  long low_speed_bytes_per_second = 1024;
  long low_speed_seconds = 60;
  long connect_timeout_seconds = 20;
  /// "" = CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR, else libcurl's default. Proxies come from
  /// the usual variables (http_proxy, https_proxy, ALL_PROXY, NO_PROXY), passwords from $NETRC or
  /// ~/.netrc.
  std::string ca_file;
  bool allow_loopback_redirects = false;  ///< tests only (F077)
};

/// Obtains what is not in the cache. Every file is checked against size and digest before it is
/// adopted; a file already there is re-hashed. All failures are collected; the Error names each
/// file and what every place answered. Codes: kNetwork (nothing could be obtained),
/// kDownloadMismatch (got something else), kNoSpace, kInvalidLock (one digest, two sizes). Partial
/// files stay for the next run. Results are in the order of the requests. `events` is called by
/// one thread at a time: phase "check cache", then phase "fetch" whose total is what has to be
/// obtained (bytes of an earlier run count as done at once; a restart makes the count go back).
struct FetchResult {
  Sha256 digest;
  std::filesystem::path path;  ///< empty only where a fetch was stopped
  bool was_cached = false;
};
/// For who goes on with some files while others still come.
struct FetchHooks {
  /// Hears of each distinct file as soon as it is checked and in the cache: one call at a time,
  /// from any thread. Must not throw.
  std::function<void(const FetchResult&)> obtained = nullptr;
  /// Once it is asked for, nothing further is begun and fetch_all() returns within about a second;
  /// what was downloaded stays for the next run.
  std::stop_token stop = {};
};
std::vector<FetchResult> fetch_all(const std::vector<FetchRequest>& requests,
                                   const ArtifactCache& cache, const FetchOptions& options,
                                   EventSink& events, const FetchHooks& hooks = {});

/// A small document (index page, JSON, metadata) into memory.
struct HttpDocument {
  long status = 0;
  std::string content_type;
  std::string final_url;  ///< after redirects: relative links resolve against it
  std::string body;
  std::optional<uint64_t> whole_bytes;  ///< of a 206: size of the whole, from Content-Range
};
/// Every final answer below 500 but 408, 425 and 429 is returned: look at `status`. Throws
/// Error(kNetwork) when no answer comes, or one of those or 5xx stays after all attempts, and when
/// the document has more than `max_bytes`. A plain path or file: URL is read with status 200, or
/// 404 when it does not exist. Safe to call from many threads; each keeps its connections.
HttpDocument fetch_document(const std::string& url, const std::vector<std::string>& headers,
                            size_t max_bytes, const FetchOptions& options);

}  // namespace eb
