#include "runtime/metrics/sampler.hpp"

#include <atomic>
#include <catch2/catch.hpp>

namespace eb::metrics {
namespace {

using std::chrono::milliseconds;

TEST_CASE("samples come one after the other") {
  std::atomic<int> next = 0;
  const Sampler<int> sampler([&] { return ++next; }, milliseconds(1));
  REQUIRE(sampler.wait_for(3, milliseconds(5000)));
  CHECK(*sampler.snapshot().sample >= 3);
  CHECK_FALSE(sampler.snapshot().is_stalled(5));
}

TEST_CASE("a source that hangs shows as stalled, never delays, and is left behind at the end") {
  // Outlives the test, as the thread does.
  static std::atomic<bool> is_let_go = false;
  static std::atomic<bool> has_ended = false;
  const auto begun = std::chrono::steady_clock::now();
  {
    const Sampler<int> sampler(
        [] {
          while (!is_let_go) std::this_thread::sleep_for(milliseconds(1));
          has_ended = true;
          return 1;
        },
        milliseconds(1));
    CHECK_FALSE(sampler.wait_for(1, milliseconds(50)));
    CHECK(sampler.snapshot().sample == nullptr);
    CHECK(sampler.snapshot().is_stalled(0.02));
    CHECK_FALSE(sampler.snapshot().is_stalled(60));
  }
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  is_let_go = true;
  while (!has_ended) std::this_thread::sleep_for(milliseconds(1));
}

}  // namespace
}  // namespace eb::metrics
