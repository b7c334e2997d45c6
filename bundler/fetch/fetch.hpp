#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bundler/fetch/cache.hpp"
#include "installer/base/digest.hpp"
#include "installer/base/events.hpp"

namespace eb {

/// One file to obtain, and every place to try for it, in order. A URL may be http, https or file.
struct FetchRequest {
  std::string label;  ///< file name, for messages and progress
  uint64_t size_bytes = 0;
  Sha256 digest;
  std::vector<std::string> urls;
};

struct FetchOptions {
  unsigned connections = 4;
  unsigned attempts = 4;  ///< per URL, back-off between them
  double backoff_seconds =
      0.5;  ///< first pause; doubles, with jitter, at most 30 s; Retry-After is capped to it
  long low_speed_bytes_per_second = 1024;
  long low_speed_seconds = 60;
  long connect_timeout_seconds = 20;
  std::string ca_file;  ///< "" = libcurl's default and the usual environment variables
  bool allow_loopback_redirects = false;  ///< tests only (F077)
};

/// Obtains what is not in the cache. Every file is checked against size and digest before it is
/// adopted; a file already there is re-hashed. All failures are collected; the Error names each
/// file and what every place answered. Codes: kNetwork (nothing could be obtained),
/// kDownloadMismatch (got something else), kNoSpace. Partial files stay for the next run.
struct FetchResult {
  Sha256 digest;
  std::filesystem::path path;
  bool was_cached = false;
};
std::vector<FetchResult> fetch_all(const std::vector<FetchRequest>& requests,
                                   const ArtifactCache& cache, const FetchOptions& options,
                                   EventSink& events);

/// A small document (index page, JSON, metadata) into memory, at most `max_bytes`.
struct HttpDocument {
  long status = 0;
  std::string content_type;
  std::string final_url;  ///< after redirects: relative links resolve against it
  std::string body;
};
HttpDocument fetch_document(const std::string& url, const std::vector<std::string>& headers,
                            size_t max_bytes, const FetchOptions& options);

}  // namespace eb
