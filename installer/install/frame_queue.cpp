#include "installer/install/frame_queue.hpp"

#include <algorithm>
#include <utility>

namespace eb {

FrameQueue::FrameQueue(std::vector<uint32_t> frames, unsigned workers)
    : frames_(std::move(frames)) {
  const size_t count = std::max(workers, 1u);
  for (size_t i = 0; i < count; ++i) {
    stretches_.push_back({frames_.size() * i / count, frames_.size() * (i + 1) / count});
  }
}

std::optional<size_t> FrameQueue::next(unsigned worker) {
  const std::lock_guard lock(mutex_);
  Stretch& own = stretches_[worker];
  if (own.left() == 0) {
    Stretch& longest = *std::ranges::max_element(stretches_, {}, &Stretch::left);
    if (longest.left() == 0) return std::nullopt;
    const size_t middle = longest.begin + longest.left() / 2;
    own = {middle, longest.end};
    longest.end = middle;
  }
  return frames_[own.begin++];
}

}  // namespace eb
