#include "installer/install/frame_pipeline.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/frame_decoder.hpp"
#include "installer/install/open_bundle.hpp"

namespace eb {
namespace {

class FrameRun {
 public:
  FrameRun(BundleSource& source, const VerifiedBundle& bundle, const StreamLayout& layout,
           EventSink& events, const StopFlag& stop)
      : source_(source), bundle_(bundle), layout_(layout), events_(events), stop_(stop) {}

  void work(ContentConsumer& consumer, FrameDecoder& decoder) {
    try {
      size_t frame = 0;
      while (next(decoder, &frame)) {
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

 private:
  // Takes the next frame and reads it into the decoder's buffer. A stream is read under the lock,
  // so that frames are taken in the order in which their bytes come.
  bool next(FrameDecoder& decoder, size_t* frame) {
    if (!source_.is_stream()) {
      *frame = next_.fetch_add(1);
      if (!may_go_on(*frame)) return false;
      read(*frame, decoder);
      return true;
    }
    const std::lock_guard lock(read_mutex_);
    *frame = next_.load();
    if (!may_go_on(*frame)) return false;
    read(*frame, decoder);
    next_.store(*frame + 1);
    return true;
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
    Bytes raw;
    try {
      raw = decoder.decode(expected, frame);
    } catch (Error& error) {
      error.where(range_text(source_,
                             bundle_.prologue().data_offset() + layout_.compressed_begin(frame),
                             expected.compressed_size) +
                  ", while unpacking " + layout_.first_path(frame));
      throw;
    }
    layout_.check_frame(frame, raw, [&](uint32_t entry, uint64_t offset, Bytes data) {
      consumer.content(entry, offset, data);
    });
    const std::lock_guard lock(progress_mutex_);
    done_ += expected.raw_size;
    events_.on(PhaseProgress{done_});
  }

  BundleSource& source_;
  const VerifiedBundle& bundle_;
  const StreamLayout& layout_;
  EventSink& events_;
  const StopFlag& stop_;
  std::atomic<size_t> next_{0};
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
                unsigned jobs, const std::string& phase,
                const std::function<std::unique_ptr<ContentConsumer>()>& make_consumer,
                EventSink& events, const StopFlag& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const IndexTotals sums = totals(bundle.index());
  events.on(PhaseStarted{phase, sums.raw_bytes, "bytes"});
  FrameRun run(source, bundle, layout, events, stop);
  // Each item is a whole worker, which takes frames until there are none.
  for_each_parallel(jobs, jobs, [&](size_t) {
    FrameDecoder decoder(sums);
    const std::unique_ptr<ContentConsumer> consumer = make_consumer();
    run.work(*consumer, decoder);
  });
  run.check_end();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  events.on(PhaseFinished{phase, took.count()});
}

}  // namespace eb
