#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/stream_layout.hpp"

namespace eb {

inline constexpr unsigned kMaxJobs = 64;
inline constexpr unsigned kMaxDefaultJobs = 16;  ///< more do not help: the file system is the limit
/// What all frame buffers together may use; with the rest of the program it stays below 256 MiB.
inline constexpr uint64_t kMaxFrameMemory = 208ull << 20;

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
  /// `offset` is that in the file. Parts of one file may come from several workers, in any order.
  virtual void content(uint32_t entry, uint64_t offset, Bytes data) = 0;
};

/// Reads every frame once, compares its digest, decodes it, compares what is not content with the
/// index, hands content to the worker's consumer. The first error ends it all; a message names
/// frame, byte range and file. After the last frame of a stream nothing may follow.
/// Sends one phase to `events`.
void run_frames(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
                unsigned jobs, const std::string& phase,
                const std::function<std::unique_ptr<ContentConsumer>()>& make_consumer,
                EventSink& events, const StopFlag& stop);

}  // namespace eb
