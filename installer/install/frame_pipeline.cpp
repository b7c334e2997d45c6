#include "installer/install/frame_pipeline.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/frame_cursor.hpp"
#include "installer/install/frame_decoder.hpp"
#include "installer/install/frame_queue.hpp"
#include "installer/install/open_bundle.hpp"

namespace eb {
namespace {

std::vector<uint32_t> wanted_frames(const FrameWork& work, size_t count) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < count; ++i) {
    if (work.wanted.empty() || work.wanted[i]) out.push_back(static_cast<uint32_t>(i));
  }
  return out;
}

class FrameRun {
 public:
  FrameRun(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
           const FrameWork& work, EventSink& events, const StopFlag& stop)
      : source_(source),
        bundle_(bundle),
        layout_(layout),
        wanted_(work.wanted),
        // In order: one stretch for all.
        queue_(wanted_frames(work, bundle.index().frames.size()), work.in_order ? 1 : work.jobs),
        is_shared_(work.in_order),
        events_(events),
        stop_(stop) {}

  void work(unsigned worker, ContentConsumer& consumer, FrameDecoder& decoder) {
    try {
      size_t frame = 0;
      while (next(worker, decoder, &frame)) {
        process(frame, consumer, decoder);
      }
    } catch (...) {
      failed_ = true;
      throw;
    }
  }

  void check_end() {
    if (!source_.is_stream()) return;
    std::array<std::byte, 1> extra{};
    const uint64_t size = bundle_.prologue().file_size();
    if (source_.read_at(size, extra) != 0) throw wrong_length(source_, size, size + 1);
  }

  uint64_t raw_bytes() const {
    uint64_t out = 0;
    for (size_t i = 0; i < bundle_.index().frames.size(); ++i) {
      if (is_wanted(i)) out += bundle_.index().frames[i].raw_size;
    }
    return out;
  }

 private:
  bool is_wanted(size_t frame) const { return wanted_.empty() || wanted_[frame]; }

  // Takes the next frame and reads it into the decoder's buffer. A stream is read under the lock,
  // so that frames are taken in the order in which their bytes come.
  bool next(unsigned worker, FrameDecoder& decoder, size_t* frame) {
    if (!source_.is_stream()) {
      stop_.check();
      if (failed_.load(std::memory_order_relaxed)) return false;
      const auto taken = queue_.next(is_shared_ ? 0 : worker);
      if (!taken) return false;
      *frame = *taken;
      read(*frame, decoder);
      return true;
    }
    const std::lock_guard lock(read_mutex_);
    while (may_go_on(next_)) {
      *frame = next_;
      try {
        read(*frame, decoder);
      } catch (...) {
        failed_ = true;  // under the lock: nobody may read on where this read ended
        throw;
      }
      ++next_;
      if (is_wanted(*frame)) return true;
    }
    return false;
  }

  bool may_go_on(size_t frame) const {
    stop_.check();
    return !failed_.load(std::memory_order_relaxed) && frame < bundle_.index().frames.size();
  }

  void read(size_t frame, FrameDecoder& decoder) {
    const uint64_t size = bundle_.index().frames[frame].compressed_size;
    const uint64_t offset = bundle_.prologue().data_offset() + layout_.compressed_begin(frame);
    const size_t got = source_.read_at(offset, decoder.input(size));
    if (got == size) return;
    if (source_.is_stream()) {
      throw wrong_length(source_, bundle_.prologue().file_size(), offset + got);
    }
    // Its size was right when it was opened (F026).
    throw Error(ExitCode::kDigestMismatch, "the bundle became shorter while it was read")
        .where(range_text(source_, offset, size))
        .why("expected " + std::to_string(size) + " bytes, got " + std::to_string(got))
        .hint("somebody replaced or cut the file: copy the bundle again");
  }

  void process(size_t frame, ContentConsumer& consumer, FrameDecoder& decoder) {
    const Frame& expected = bundle_.index().frames[frame];
    FrameCursor cursor(layout_, frame);
    // What the consumer throws speaks for itself.
    bool is_consuming = false;
    const ContentFunction content = [&](uint32_t entry, uint64_t offset, Bytes data) {
      consumer.content(entry, offset, data);
    };
    try {
      decoder.decode(expected, frame, [&](Bytes so_far) {
        is_consuming = true;
        cursor.advance(so_far, content);
        is_consuming = false;
      });
      is_consuming = true;
      consumer.frame_end();
    } catch (Error& error) {
      if (is_consuming) throw;
      error.where(range_text(source_,
                             bundle_.prologue().data_offset() + layout_.compressed_begin(frame),
                             expected.compressed_size) +
                  ", while unpacking " + layout_.first_path(frame));
      throw;
    }
    const std::lock_guard lock(progress_mutex_);
    done_ += expected.raw_size;
    events_.on(PhaseProgress{done_});
  }

  BundleSource& source_;
  const VerifiedBundle& bundle_;
  const StreamLayout& layout_;
  const std::vector<bool>& wanted_;
  FrameQueue queue_;
  const bool is_shared_;
  EventSink& events_;
  const StopFlag& stop_;
  size_t next_ = 0;  ///< of a stream
  std::atomic<bool> failed_{false};
  std::mutex read_mutex_;
  std::mutex progress_mutex_;
  uint64_t done_ = 0;
};

}  // namespace

WorkerBudget choose_workers(const Index& index, unsigned wanted, unsigned cpus, bool is_stream) {
  const IndexTotals sums = totals(index);
  const uint64_t each = FrameDecoder::memory_bytes(sums);
  uint64_t jobs = wanted != 0 ? std::min(wanted, kMaxJobs) : std::clamp(cpus, 1u, kMaxDefaultJobs);
  if (is_stream && wanted == 0) ++jobs;
  jobs = std::min(jobs, std::max<uint64_t>(kMaxFrameMemory / each, 1));
  jobs = std::min(jobs, std::max<uint64_t>(index.frames.size(), 1));
  return {static_cast<unsigned>(jobs), jobs * each};
}

void run_frames(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
                const FrameWork& work,
                const std::function<std::unique_ptr<ContentConsumer>()>& make_consumer,
                EventSink& events, const StopFlag& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const IndexTotals sums = totals(bundle.index());
  FrameRun run(source, bundle, layout, work, events, stop);
  events.on(PhaseStarted{work.phase, run.raw_bytes(), "bytes"});
  // Each item is a whole worker, which takes frames until there are none.
  for_each_parallel(work.jobs, work.jobs, [&](size_t worker) {
    FrameDecoder decoder(sums);
    const std::unique_ptr<ContentConsumer> consumer = make_consumer();
    run.work(static_cast<unsigned>(worker), *consumer, decoder);
  });
  run.check_end();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  events.on(PhaseFinished{work.phase, took.count()});
}

}  // namespace eb
