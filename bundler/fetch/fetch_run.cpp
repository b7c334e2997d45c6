#include "bundler/fetch/fetch_run.hpp"

#include <algorithm>

#include "installer/base/error.hpp"

namespace eb {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeerPause{250};
constexpr milliseconds kProgressPause{100};
constexpr int kLongestPollMs = 1000;
// Files in other states than "connected" (waiting, syncing) that may be open for each connection.
constexpr unsigned kActivePerConnection = 4;

}  // namespace

FetchRun::FetchRun(const ArtifactCache& cache, const FetchOptions& options, const FetchHooks& hooks,
                   EventSink& events)
    : cache_(cache),
      options_(options),
      hooks_(hooks),
      events_(events),
      connections_(std::max(options.connections, 1u)) {
  initialise_curl();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw Error(ExitCode::kInternal, "libcurl gives no multi handle");
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(connections_) + 4);
}

FetchRun::~FetchRun() {
  for (Job& job : jobs_) {
    if (job.task.valid()) job.task.wait();
    if (job.state == State::kConnected) {
      curl_multi_remove_handle(multi_, job.transfer.exchange().handle());
    }
  }
  // Each transfer's handle goes before the multi handle that keeps its connections.
  jobs_.clear();
  curl_multi_cleanup(multi_);
}

void FetchRun::add(const FetchRequest& request, std::filesystem::path* path) {
  jobs_.emplace_back(request, options_, origins_, events_, path);
}

template <typename Work>
void FetchRun::run_beside(Job& job, State state, Work work) {
  job.state = state;
  job.task_ended = false;
  job.task = std::async(std::launch::async, [&job, multi = multi_, work = std::move(work)] {
    // The future becomes ready only after this function; whoever is woken by it must not have to
    // wait for a second wake-up.
    struct Wake {
      Job& job;
      CURLM* multi;
      ~Wake() {
        job.task_ended = true;
        curl_multi_wakeup(multi);
      }
    } const wake{job, multi};
    work();
  });
}

std::vector<FetchFailure> FetchRun::run() {
  for (Job& job : jobs_) queue_.push_back(&job);
  // Large files first: the last one to end should be a small one.
  std::stable_sort(queue_.begin(), queue_.end(), [](const Job* a, const Job* b) {
    return a->transfer.request().size_bytes > b->transfer.request().size_bytes;
  });
  admit();
  while (!active_.empty() && !hooks_.stop.stop_requested()) {
    for (Job* job : std::vector<Job*>(active_.begin(), active_.end())) advance(*job);
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect_finished();
    active_.remove_if([](const Job* job) { return job->state == State::kDone; });
    admit();
    report_progress(false);
    if (!active_.empty()) curl_multi_poll(multi_, nullptr, 0, poll_milliseconds(), nullptr);
  }
  report_progress(true);
  std::vector<FetchFailure> failures;
  for (const Job& job : jobs_) {
    if (job.failed) {
      failures.push_back({job.transfer.request().label, job.transfer.answers()});
    }
  }
  return failures;
}

void FetchRun::admit() {
  while (!queue_.empty() && active_.size() < size_t{connections_} * kActivePerConnection) {
    Job* job = queue_.front();
    queue_.pop_front();
    active_.push_back(job);
    prepare(*job, false);
  }
}

void FetchRun::prepare(Job& job, bool privately) {
  run_beside(job, State::kPreparing, [this, &job, privately] {
    const FetchRequest& request = job.transfer.request();
    job.partial = privately ? PartialFile::open_private(cache_, request.digest)
                            : PartialFile::open(cache_, request.digest, request.size_bytes);
    // Another process may have finished it since the cache was looked at.
    if (job.partial && job.partial->size_bytes() == 0) {
      job.found = cache_.find(request.digest, request.size_bytes);
    }
  });
}

void FetchRun::prepared(Job& job) {
  if (job.found) {
    *job.path = *job.found;
    job.partial.reset();
    fulfilled(job);
  } else if (job.partial) {
    take(job, job.transfer.start(std::move(job.partial)));
  } else {
    wait_for_peer(job);
  }
}

void FetchRun::wait_for_peer(Job& job) {
  const FetchRequest& request = job.transfer.request();
  const uint64_t bytes = partial_size_on_disk(cache_, request.digest);
  const Clock::time_point now = Clock::now();
  if (!job.waits_for_peer) {
    events_.on(Note{request.label + ": another envbundle downloads it; waiting for that"});
  }
  if (!job.waits_for_peer || bytes != job.peer_bytes) {
    job.waits_for_peer = true;
    job.peer_bytes = bytes;
    job.peer_moved = now;
  }
  // A live peer gives up on a slow server after this time; one that is stopped holds the file for
  // ever.
  const auto patience =
      std::chrono::seconds(options_.low_speed_seconds + options_.connect_timeout_seconds) +
      std::chrono::duration_cast<std::chrono::seconds>(
          std::chrono::duration<double>(options_.max_backoff_seconds));
  if (now - job.peer_moved > patience) {
    events_.on(Note{request.label + ": the other envbundle does not get on; downloading it here"});
    prepare(job, true);
    return;
  }
  job.state = State::kWaiting;
  job.wake = now + kPeerPause;
}

void FetchRun::take(Job& job, TransferStep step) {
  switch (step) {
    case TransferStep::kExchange:
      job.state = State::kReady;
      break;
    case TransferStep::kWait:
      job.state = State::kWaiting;
      job.waits_for_peer = false;
      job.wake = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(job.transfer.wait_s()));
      break;
    case TransferStep::kCopy:
      run_beside(job, State::kCopying, [&job] { job.transfer.copy_local(); });
      break;
    case TransferStep::kAdopt:
      run_beside(job, State::kAdopting, [&job] { *job.path = job.transfer.adopt(); });
      break;
    case TransferStep::kFailed:
      job.failed = true;
      job.state = State::kDone;
      job.transfer.release();
      break;
  }
}

void FetchRun::fulfilled(Job& job) {
  const FetchRequest& request = job.transfer.request();
  fulfilled_bytes_ += request.size_bytes;
  if (hooks_.obtained) hooks_.obtained({.digest = request.digest, .path = *job.path});
  job.transfer.release();
  job.state = State::kDone;
}

void FetchRun::advance(Job& job) {
  switch (job.state) {
    case State::kPreparing:
    case State::kCopying:
    case State::kAdopting: {
      if (!job.task_ended) return;
      job.task.get();
      if (job.state == State::kPreparing) {
        prepared(job);
      } else if (job.state == State::kCopying) {
        take(job, job.transfer.copy_done());
      } else {
        fulfilled(job);
      }
      break;
    }
    case State::kWaiting:
      if (Clock::now() < job.wake) return;
      if (job.waits_for_peer) {
        prepare(job, false);
      } else {
        take(job, job.transfer.resume());
      }
      break;
    default:
      break;
  }
  if (job.state == State::kReady) connect(job);
}

void FetchRun::connect(Job& job) {
  if (connected_ >= connections_) return;
  const CURLMcode code = curl_multi_add_handle(multi_, job.transfer.exchange().handle());
  if (code != CURLM_OK) {
    throw Error(ExitCode::kInternal, "libcurl does not start a transfer")
        .why(curl_multi_strerror(code));
  }
  job.state = State::kConnected;
  ++connected_;
}

void FetchRun::collect_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    // The message dies with the handle's removal.
    const CURLcode code = message->data.result;
    CURL* const handle = message->easy_handle;
    const auto job = std::find_if(active_.begin(), active_.end(), [handle](Job* candidate) {
      return candidate->transfer.exchange().handle() == handle;
    });
    curl_multi_remove_handle(multi_, handle);
    --connected_;
    if (job == active_.end()) continue;
    (*job)->state = State::kReady;
    take(**job, (*job)->transfer.exchange_done(code));
    if ((*job)->state == State::kReady) connect(**job);
  }
}

int FetchRun::poll_milliseconds() const {
  int out = kLongestPollMs;
  const Clock::time_point now = Clock::now();
  for (const Job* job : active_) {
    if (job->state != State::kWaiting) continue;
    const auto left = std::chrono::duration_cast<milliseconds>(job->wake - now).count() + 1;
    out = static_cast<int>(std::clamp<int64_t>(left, 0, out));
  }
  return out;
}

void FetchRun::report_progress(bool at_once) {
  const Clock::time_point now = Clock::now();
  if (!at_once && now - reported_at_ < kProgressPause) return;
  uint64_t done = fulfilled_bytes_;
  for (const Job* job : active_) {
    // While a task prepares, the file is the task's.
    if (job->state != State::kPreparing) done += job->transfer.done_bytes();
  }
  if (done == reported_bytes_) return;
  reported_bytes_ = done;
  reported_at_ = now;
  events_.on(PhaseProgress{done});
}

}  // namespace eb
