#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/stream_layout.hpp"

namespace eb {

inline constexpr unsigned kMaxJobs = 64;
inline constexpr unsigned kMaxDefaultJobs = 16;  ///< more do not help: the file system is the limit
/// What all frame buffers together may use: kMaxDefaultJobs times a frame of 16 MiB and what it is
/// compressed to at worst. Two jobs stay below 256 MiB with the rest of the program, for frames of
/// up to 48 MiB.
inline constexpr uint64_t kMaxFrameMemory = 512ull << 20;

struct WorkerBudget {
  unsigned jobs = 1;
  uint64_t memory_bytes = 0;  ///< of the frame buffers
};
/// `wanted` = 0 asks for the default: as many as `cpus`, at most kMaxDefaultJobs. Fewer where
/// memory would not do, and never more than there are frames; a stream gets one more, because one
/// worker always reads.
WorkerBudget choose_workers(const Index& index, unsigned wanted, unsigned cpus, bool is_stream);

/// What one worker does with the content of files.
class ContentConsumer {
 public:
  virtual ~ContentConsumer() = default;
  /// `offset` is that in the file. A file comes in one part or, when it is large, in several: those
  /// in one frame by one worker in order, those of different frames by any workers in any order.
  /// `data` is there until frame_end() returns.
  virtual void content(uint32_t entry, uint64_t offset, Bytes data) = 0;
  /// After the last part of each frame that is whole.
  virtual void frame_end() {}
};

struct FrameWork {
  unsigned jobs = 1;
  std::string phase;  ///< for events
  /// Frames are begun in the stream's order: for consumers that wait for the part before theirs.
  /// Otherwise each worker has a stretch of its own (FrameQueue), which is faster.
  bool in_order = true;
  /// One flag a frame: those that are wanted; empty = all. The others are not decoded.
  std::vector<bool> wanted = {};
};

/// Reads every wanted frame once, compares its digest, decodes it, compares what is not content
/// with the index, hands content to the worker's consumer. The first error ends it all; a message
/// names frame, byte range and file. A stream is read to its end, and nothing may follow it.
/// Sends one phase to `events`.
void run_frames(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
                const FrameWork& work,
                const std::function<std::unique_ptr<ContentConsumer>()>& make_consumer,
                EventSink& events, const StopFlag& stop);

}  // namespace eb
