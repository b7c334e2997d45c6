#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "bundler/pack/output_file.hpp"
#include "installer/base/events.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// Puts frames that many threads finish in any order into a file in theirs. At most `window` frames
/// are held or being made at once. After the first failure everybody who waits is let go.
class FrameWriter {
 public:
  /// Frame 0 begins at `offset` of `file`. `frames` gets sizes and digests. `events` hears of raw
  /// bytes done.
  FrameWriter(OutputFile& file, uint64_t offset, std::vector<Frame>& frames, size_t window,
              EventSink& events);

  /// Waits until frame `i` may be made; false when another thread has failed.
  bool wait_for_turn(size_t i);
  void put(size_t i, Bytes compressed);
  void fail();
  uint64_t data_size() const { return at_ - begin_; }

 private:
  void append(Bytes compressed);

  OutputFile& file_;
  std::vector<Frame>& frames_;
  EventSink& events_;
  const size_t window_;
  const uint64_t begin_;
  std::mutex mutex_;
  std::condition_variable moved_;
  uint64_t at_;
  uint64_t raw_done_ = 0;
  size_t next_ = 0;
  bool failed_ = false;
  std::map<size_t, std::vector<std::byte>> waiting_;  ///< for the frames before them
};

}  // namespace eb
