#include "bundler/fetch/retry.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cmath>

namespace eb {

RetryDecision decide_retry(FailureKind kind, unsigned attempts_made, const RetryLimits& limits,
                           std::optional<double> retry_after_s, double random01) {
  if (kind != FailureKind::kTransient || attempts_made >= limits.attempts) return {};
  // The exponent is bounded so that a large number of attempts cannot make it infinite.
  const int doublings = static_cast<int>(std::min(attempts_made > 0 ? attempts_made - 1 : 0, 60u));
  const double full = std::min(limits.max_pause_s, std::ldexp(limits.first_pause_s, doublings));
  double wait = full * (0.5 + 0.5 * random01);
  if (retry_after_s && *retry_after_s > 0) {
    wait = std::max(wait, std::min(*retry_after_s, limits.max_pause_s));
  }
  return {.again = true, .wait_s = wait};
}

FailureKind classify_status(long status) {
  switch (status) {
    case 404:
    case 410:
      return FailureKind::kGone;
    case 408:
    case 425:
    case 429:
      return FailureKind::kTransient;
    case 501:
    case 505:
      return FailureKind::kRefused;
    default:
      return status >= 500 ? FailureKind::kTransient : FailureKind::kRefused;
  }
}

FailureKind classify_transport(int curl_code, long connect_status) {
  if (connect_status >= 400)
    return classify_status(connect_status) == FailureKind::kTransient ? FailureKind::kTransient
                                                                      : FailureKind::kRefused;
  switch (curl_code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return FailureKind::kTransient;
    default:
      return FailureKind::kRefused;
  }
}

}  // namespace eb
