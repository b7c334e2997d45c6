#include "bundler/pack/frame_writer.hpp"

namespace eb {

FrameWriter::FrameWriter(OutputFile& file, uint64_t offset, std::vector<Frame>& frames,
                         size_t window, EventSink& events)
    : file_(file), frames_(frames), events_(events), window_(window), begin_(offset), at_(offset) {}

bool FrameWriter::wait_for_turn(size_t i) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return failed_ || i < next_ + window_; });
  return !failed_;
}

void FrameWriter::put(size_t i, std::vector<std::byte> compressed) {
  const Sha256 digest = sha256(compressed);
  const std::scoped_lock lock(mutex_);
  frames_[i].compressed_size = compressed.size();
  frames_[i].digest = digest;
  waiting_.emplace(i, std::move(compressed));
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
       first = waiting_.begin()) {
    file_.write(first->second, at_);
    at_ += first->second.size();
    raw_done_ += frames_[next_].raw_size;
    waiting_.erase(first);
    ++next_;
  }
  events_.on(PhaseProgress{raw_done_});
  moved_.notify_all();
}

void FrameWriter::fail() {
  const std::scoped_lock lock(mutex_);
  failed_ = true;
  moved_.notify_all();
}

}  // namespace eb
