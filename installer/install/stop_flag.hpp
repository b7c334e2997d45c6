#pragma once

#include <atomic>

namespace eb {

/// A wish to end early, set by a signal handler and looked at between steps (FAULTS F129). Only
/// request() may be called from a handler; any thread may look.
class StopFlag {
 public:
  /// Keeps the first signal. Returns whether there was one before.
  bool request(int signal) noexcept {
    int none = 0;
    return !signal_.compare_exchange_strong(none, signal);
  }
  int signal() const noexcept { return signal_.load(std::memory_order_relaxed); }
  /// Throws Error with code 128 + signal once a stop was requested.
  void check() const;

 private:
  std::atomic<int> signal_{0};
  static_assert(std::atomic<int>::is_always_lock_free);
};

}  // namespace eb
