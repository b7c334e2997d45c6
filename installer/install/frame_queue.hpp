#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace eb {

/// Hands frames to workers so that each goes through a stretch of its own: neighbours in the
/// stream are mostly parts of one file or files of one folder, and two workers at one file or
/// folder wait for each other in the kernel (measured: a tenth of an install's CPU time). Who has
/// done his stretch takes the second half of the longest that is left. Safe for many threads.
class FrameQueue {
 public:
  FrameQueue(std::vector<uint32_t> frames, unsigned workers);

  /// nullopt when there are no more.
  std::optional<size_t> next(unsigned worker);

 private:
  struct Stretch {
    size_t begin = 0;
    size_t end = 0;
    size_t left() const { return end - begin; }
  };
  std::mutex mutex_;
  const std::vector<uint32_t> frames_;
  std::vector<Stretch> stretches_;  ///< of frames_, one a worker
};

}  // namespace eb
