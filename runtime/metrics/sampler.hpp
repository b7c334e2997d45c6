#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace eb::metrics {

/// What a sampler has at one moment.
template <typename Sample>
struct Snapshot {
  std::shared_ptr<const Sample> sample;  ///< nullptr before the first
  double taken = 0;                      ///< when it was complete, seconds since 1970
  double duration_seconds = 0;           ///< that it took
  double busy_seconds = 0;               ///< since the one under way began; 0 when none is
  /// Nothing that is `limit_seconds` old or older should be shown as if it were now.
  bool is_stalled(double limit_seconds) const { return busy_seconds > limit_seconds; }
};

/// Takes a sample now and every `interval` in a thread of its own, so that whoever shows samples
/// never waits for a driver or a file system that hangs. `take` must not throw.
template <typename Sample>
class Sampler {
 public:
  Sampler(std::function<Sample()> take, std::chrono::milliseconds interval)
      : state_(std::make_shared<State>()) {
    state_->take = std::move(take);
    state_->interval = interval;
    thread_ = std::thread([state = state_] { state->run(); });
  }
  /// Waits a moment for the thread. One that hangs is left behind with its state.
  ~Sampler() {
    std::unique_lock lock(state_->mutex);
    state_->is_ending = true;
    state_->changed.notify_all();
    const bool has_ended = state_->changed.wait_for(lock, std::chrono::milliseconds(300),
                                                    [&] { return state_->has_ended; });
    lock.unlock();
    if (has_ended) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Any thread. Never waits longer than a copy takes.
  Snapshot<Sample> snapshot() const {
    const std::scoped_lock lock(state_->mutex);
    Snapshot<Sample> out = state_->latest;
    if (state_->is_busy) out.busy_seconds = seconds(Clock::now() - state_->begun);
    return out;
  }
  /// True when `count` samples have been taken before `limit` is over.
  bool wait_for(size_t count, std::chrono::milliseconds limit) const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, limit, [&] { return state_->count >= count; });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds(std::chrono::duration<double> time) { return time.count(); }

  struct State {
    std::function<Sample()> take;
    std::chrono::milliseconds interval{};
    std::mutex mutex;
    std::condition_variable changed;
    Snapshot<Sample> latest;
    size_t count = 0;
    bool is_busy = false;
    Clock::time_point begun;
    bool is_ending = false;
    bool has_ended = false;

    void run() {
      std::unique_lock lock(mutex);
      while (!is_ending) {
        is_busy = true;
        begun = Clock::now();
        lock.unlock();
        auto sample = std::make_shared<const Sample>(take());
        lock.lock();
        is_busy = false;
        latest.sample = std::move(sample);
        latest.duration_seconds = seconds(Clock::now() - begun);
        latest.taken = seconds(std::chrono::system_clock::now().time_since_epoch());
        ++count;
        changed.notify_all();
        changed.wait_for(lock, interval, [this] { return is_ending; });
      }
      has_ended = true;
      changed.notify_all();
    }
  };

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace eb::metrics
