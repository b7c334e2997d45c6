#include "bundler/fetch/retry.hpp"

#include <curl/curl.h>

#include <catch2/catch.hpp>

namespace eb {
namespace {

constexpr double kAlmostOne = 0.999999;

struct Row {
  FailureKind kind;
  unsigned made;
  std::optional<double> retry_after_s;
  bool again;
  double least_s;
  double most_s;
};

}  // namespace

TEST_CASE("decide_retry: the table") {
  const RetryLimits limits{.attempts = 4, .first_pause_s = 0.5, .max_pause_s = 30};
  const Row rows[] = {
      {FailureKind::kTransient, 1, {}, true, 0.25, 0.5},
      {FailureKind::kTransient, 2, {}, true, 0.5, 1},
      {FailureKind::kTransient, 3, {}, true, 1, 2},
      {FailureKind::kTransient, 4, {}, false, 0, 0},
      {FailureKind::kTransient, 5, {}, false, 0, 0},
      {FailureKind::kTransient, 1, 7.0, true, 7, 7},
      {FailureKind::kTransient, 1, 1e9, true, 30, 30},
      {FailureKind::kTransient, 1, 0.1, true, 0.25, 0.5},
      {FailureKind::kTransient, 1, 0.0, true, 0.25, 0.5},
      {FailureKind::kTransient, 1, -5.0, true, 0.25, 0.5},
      {FailureKind::kTransient, 4, 1.0, false, 0, 0},
      {FailureKind::kGone, 1, {}, false, 0, 0},
      {FailureKind::kRefused, 1, 1.0, false, 0, 0},
      {FailureKind::kMismatch, 1, {}, false, 0, 0},
  };
  for (const Row& row : rows) {
    const RetryDecision least = decide_retry(row.kind, row.made, limits, row.retry_after_s, 0);
    const RetryDecision most =
        decide_retry(row.kind, row.made, limits, row.retry_after_s, kAlmostOne);
    INFO("attempts made: " << row.made);
    CHECK(least.again == row.again);
    CHECK(most.again == row.again);
    CHECK(least.wait_s == Approx(row.least_s));
    CHECK(most.wait_s == Approx(row.most_s).epsilon(1e-4));
  }
}

TEST_CASE("decide_retry: a large number of attempts does not overflow") {
  const RetryLimits limits{.attempts = 4'000'000'000U, .first_pause_s = 0.5, .max_pause_s = 30};
  for (const unsigned made : {7u, 60u, 100u, 3'000'000'000u}) {
    const RetryDecision decision =
        decide_retry(FailureKind::kTransient, made, limits, std::nullopt, kAlmostOne);
    CHECK(decision.again);
    CHECK(decision.wait_s == Approx(30).epsilon(1e-4));
  }
}

TEST_CASE("decide_retry: one attempt means one") {
  const RetryLimits limits{.attempts = 1};
  CHECK_FALSE(decide_retry(FailureKind::kTransient, 1, limits, {}, 0.5).again);
}

TEST_CASE("classify_status") {
  for (const long status : {404L, 410L}) CHECK(classify_status(status) == FailureKind::kGone);
  for (const long status : {408L, 425L, 429L, 500L, 502L, 503L, 504L, 520L, 599L}) {
    CHECK(classify_status(status) == FailureKind::kTransient);
  }
  for (const long status : {300L, 304L, 400L, 401L, 403L, 407L, 416L, 451L, 501L, 505L}) {
    CHECK(classify_status(status) == FailureKind::kRefused);
  }
}

TEST_CASE("classify_transport") {
  for (const int code : {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
                         CURLE_OPERATION_TIMEDOUT, CURLE_RECV_ERROR, CURLE_GOT_NOTHING}) {
    CHECK(classify_transport(code, 0) == FailureKind::kTransient);
  }
  for (const int code : {CURLE_PEER_FAILED_VERIFICATION, CURLE_UNSUPPORTED_PROTOCOL,
                         CURLE_URL_MALFORMAT, CURLE_WEIRD_SERVER_REPLY, CURLE_OUT_OF_MEMORY}) {
    CHECK(classify_transport(code, 0) == FailureKind::kRefused);
  }
  // A proxy's refusal of CONNECT looks like a receive error.
  CHECK(classify_transport(CURLE_RECV_ERROR, 403) == FailureKind::kRefused);
  CHECK(classify_transport(CURLE_RECV_ERROR, 404) == FailureKind::kRefused);
  CHECK(classify_transport(CURLE_RECV_ERROR, 503) == FailureKind::kTransient);
  CHECK(classify_transport(CURLE_RECV_ERROR, 200) == FailureKind::kTransient);
}

}  // namespace eb
