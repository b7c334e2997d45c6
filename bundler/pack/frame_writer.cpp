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

void FrameWriter::put(size_t i, Bytes compressed) {
  const Sha256 digest = sha256(compressed);
  const std::scoped_lock lock(mutex_);
  frames_[i].compressed_size = compressed.size();
  frames_[i].digest = digest;
  if (i != next_) {
    waiting_.emplace(i, std::vector<std::byte>(compressed.begin(), compressed.end()));
    return;
  }
  append(compressed);
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
       first = waiting_.begin()) {
    append(first->second);
    waiting_.erase(first);
  }
  events_.on(PhaseProgress{raw_done_});
  moved_.notify_all();
}

void FrameWriter::append(Bytes compressed) {
  file_.write(compressed, at_);
  at_ += compressed.size();
  raw_done_ += frames_[next_].raw_size;
  ++next_;
}

void FrameWriter::fail() {
  const std::scoped_lock lock(mutex_);
  failed_ = true;
  moved_.notify_all();
}

}  // namespace eb
