#include "installer/install/frame_selection.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/format/tar_stream.hpp"
#include "installer/install/frame_decoder.hpp"

namespace eb {
namespace {

/// Decoders that are not at work, so that there are no more than workers.
class DecoderPool {
 public:
  explicit DecoderPool(const IndexTotals& totals) : totals_(totals) {}

  std::unique_ptr<FrameDecoder> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<FrameDecoder> out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return std::make_unique<FrameDecoder>(totals_);
  }
  void give(std::unique_ptr<FrameDecoder> decoder) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(decoder));
  }

 private:
  const IndexTotals totals_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<FrameDecoder>> idle_;
};

}  // namespace

std::vector<size_t> frames_of(const StreamLayout& layout, const std::vector<uint32_t>& entries) {
  const Index& index = layout.index();
  std::vector<size_t> out;
  for (const uint32_t number : entries) {
    const Entry& entry = index.entries[number];
    uint64_t begin = entry.offset + tar_header_size(entry);
    const uint64_t end = begin + entry.size_bytes;
    if (entry.size_bytes == 0) --begin;
    // The last frame that begins at or before the first byte.
    size_t low = 0;
    size_t high = index.frames.size();
    while (high - low > 1) {
      const size_t middle = (low + high) / 2;
      (layout.raw_begin(middle) <= begin ? low : high) = middle;
    }
    for (size_t frame = low; frame < index.frames.size(); ++frame) {
      if (frame > low && layout.raw_begin(frame) >= end) break;
      out.push_back(frame);
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void read_frames(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
                 const std::vector<size_t>& frames, unsigned jobs,
                 const StreamLayout::ContentFunction& content, EventSink& events,
                 const StopFlag& stop) {
  const auto begin = std::chrono::steady_clock::now();
  uint64_t total = 0;
  for (const size_t frame : frames) total += bundle.index().frames[frame].raw_size;
  events.on(PhaseStarted{"read", total, "bytes"});
  DecoderPool decoders(totals(bundle.index()));
  std::mutex mutex;
  uint64_t done = 0;
  for_each_parallel(frames.size(), jobs, [&](size_t i) {
    stop.check();
    const size_t number = frames[i];
    const Frame& frame = bundle.index().frames[number];
    const uint64_t offset = bundle.prologue().data_offset() + layout.compressed_begin(number);
    std::unique_ptr<FrameDecoder> decoder = decoders.take();
    const std::span<std::byte> input = decoder->input(frame.compressed_size);
    if (const size_t got = source.read_at(offset, input); got < input.size()) {
      throw Error(ExitCode::kDigestMismatch, "the bundle became shorter while it was read")
          .where(range_text(source, offset, frame.compressed_size))
          .why("expected " + std::to_string(input.size()) + " bytes, got " + std::to_string(got))
          .hint("somebody replaced or cut the file: copy the bundle again");
    }
    Bytes raw;
    try {
      raw = decoder->decode(frame, number);
    } catch (Error& error) {
      error.where(range_text(source, offset, frame.compressed_size) + ", while reading " +
                  layout.first_path(number));
      throw;
    }
    layout.check_frame(number, raw, content);
    decoders.give(std::move(decoder));
    const std::lock_guard lock(mutex);
    done += frame.raw_size;
    events.on(PhaseProgress{done});
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  events.on(PhaseFinished{"read", took.count()});
}

}  // namespace eb
