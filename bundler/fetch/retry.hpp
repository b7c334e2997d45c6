#pragma once

#include <optional>

namespace eb {

/// What a failed attempt says about the next one at the same place.
enum class FailureKind {
  kTransient,  ///< may pass: dropped connection, time limit, 429, 5xx
  kGone,       ///< 404 or 410
  kRefused,    ///< will be answered the same way again: TLS, redirect rule, 401, 403, other 4xx
  kMismatch,   ///< the place has something else under this name
};

struct RetryLimits {
  unsigned attempts = 4;       ///< at one place, the first one included
  double first_pause_s = 0.5;  ///< doubles from attempt to attempt
  double max_pause_s = 30;     ///< for the back-off and for what Retry-After may ask
};

struct RetryDecision {
  bool again = false;
  double wait_s = 0;
};

/// Pure. `attempts_made` counts the failed one; `retry_after_s` is the server's wish; `random01` in
/// [0, 1) makes the jitter: the pause is between half of the back-off and all of it, so that many
/// clients that failed together do not come back together.
RetryDecision decide_retry(FailureKind kind, unsigned attempts_made, const RetryLimits& limits,
                           std::optional<double> retry_after_s, double random01);

/// For a complete answer that is neither 2xx nor a redirect.
FailureKind classify_status(long status);

/// For a libcurl result (a CURLcode) other than CURLE_OK. `connect_status` is the proxy's answer to
/// CONNECT, 0 = none.
FailureKind classify_transport(int curl_code, long connect_status);

}  // namespace eb
