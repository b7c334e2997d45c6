#pragma once

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace eb {

/// Keeps SIGPIPE from this thread and from threads that it starts. libcurl would otherwise have to
/// change the handler of the whole process, which is not safe with threads; TLS libraries write
/// with write(2) and raise it when a server hangs up.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeBlock() {
    // One that was raised meanwhile is taken away, or it would strike as soon as it may.
    const timespec no_time{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &no_time);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace eb
