#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <future>
#include <list>
#include <memory>
#include <vector>

#include "bundler/fetch/failure_report.hpp"
#include "bundler/fetch/fetch.hpp"
#include "bundler/fetch/transfer.hpp"

namespace eb {

/// Runs the transfers of a fetch: one thread drives all connections with libcurl's multi interface;
/// what would hold it up (hashing what an earlier run left, copying, syncing) runs beside it.
class FetchRun {
 public:
  /// All of them must live as long as this.
  FetchRun(const ArtifactCache& cache, const FetchOptions& options, const FetchHooks& hooks,
           EventSink& events);
  ~FetchRun();
  FetchRun(const FetchRun&) = delete;
  FetchRun& operator=(const FetchRun&) = delete;

  /// Sets `*path` when the request is fulfilled. Both must live until run() ends.
  void add(const FetchRequest& request, std::filesystem::path* path);
  /// Returns the requests that failed, in the order of add(); when stopped, those that had failed
  /// by then.
  std::vector<FetchFailure> run();

 private:
  using Clock = std::chrono::steady_clock;
  enum class State {
    kQueued,
    kPreparing,
    kReady,
    kConnected,
    kWaiting,
    kCopying,
    kAdopting,
    kDone
  };
  struct Job {
    Job(const FetchRequest& request, const FetchOptions& options, OriginMemory& origins,
        EventSink& events, std::filesystem::path* out)
        : transfer(request, options, origins, events), path(out) {}
    Transfer transfer;
    std::filesystem::path* path;
    State state = State::kQueued;
    bool failed = false;
    Clock::time_point wake;
    bool waits_for_peer = false;
    Clock::time_point peer_moved;
    uint64_t peer_bytes = 0;
    std::unique_ptr<PartialFile> partial;  ///< made by the prepare task
    std::optional<std::filesystem::path> found;
    std::atomic<bool> task_ended{false};
    std::future<void> task;  ///< last: it is waited for before the rest goes
  };

  void admit();
  void prepare(Job& job, bool privately);
  void prepared(Job& job);
  void wait_for_peer(Job& job);
  void take(Job& job, TransferStep step);
  void adopt(Job& job);
  void fulfilled(Job& job);
  void advance(Job& job);
  void connect(Job& job);
  void collect_finished();
  template <typename Work>
  void run_beside(Job& job, State state, Work work);
  int poll_milliseconds() const;
  void report_progress(bool at_once);

  const ArtifactCache& cache_;
  const FetchOptions& options_;
  const FetchHooks& hooks_;
  EventSink& events_;
  unsigned connections_;  ///< at least 1
  OriginMemory origins_;
  CURLM* multi_;
  std::list<Job> jobs_;
  std::deque<Job*> queue_;
  std::list<Job*> active_;
  unsigned connected_ = 0;
  uint64_t fulfilled_bytes_ = 0;
  uint64_t reported_bytes_ = 0;
  Clock::time_point reported_at_;
};

}  // namespace eb
