#include "installer/install/stream_layout.hpp"

#include <algorithm>
#include <string>

#include "installer/format/tar_stream.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
StreamLayout::StreamLayout(const Index& index) : index_(index), order_(stream_order(index)) {
  if (const auto epoch = index.meta.find(meta_key::kEpoch); epoch != index.meta.end()) {
    epoch_ = parse_number(epoch->second).value_or(0);
  }
  uint64_t compressed = 0;
  uint64_t raw = 0;
  for (const Frame& frame : index.frames) {
    compressed_begins_.push_back(compressed);
    raw_begins_.push_back(raw);
    compressed += frame.compressed_size;
    raw += frame.raw_size;
  }
  begins_.reserve(order_.size() + 1);
  uint64_t at = 0;
  size_t frame = 0;
  for (const uint32_t number : order_) {
    const Entry& entry = index.entries[number];
    begins_.push_back(at);
    const uint64_t content = at + tar_header_size(entry);
    at = content + entry.size_bytes + tar_padding(entry.size_bytes);
    if (entry.size_bytes == 0) continue;
    while (frame + 1 < raw_begins_.size() && raw_begins_[frame + 1] <= content) ++frame;
    const uint64_t frame_end =
        frame + 1 < raw_begins_.size() ? raw_begins_[frame + 1] : ~uint64_t{0};
    if (content + entry.size_bytes > frame_end) spanning_.push_back(number);
  }
  begins_.push_back(at);
}

size_t StreamLayout::item_at(uint64_t raw_offset) const {
  const auto after = std::ranges::upper_bound(begins_, raw_offset);
  return static_cast<size_t>(after - begins_.begin()) - 1;
}

std::vector<bool> StreamLayout::frames_needed(const std::vector<char>& done) const {
  std::vector<bool> out(index_.frames.size(), false);
  size_t frame = 0;
  for (size_t item = 0; item < order_.size(); ++item) {
    const Entry& entry = index_.entries[order_[item]];
    if (entry.type != EntryType::kFile || done[order_[item]] != 0) continue;
    // An empty file is handed on with its header's last byte.
    const uint64_t content = begins_[item] + tar_header_size(entry);
    const uint64_t first = entry.size_bytes == 0 ? content - 1 : content;
    const uint64_t last = entry.size_bytes == 0 ? first : content + entry.size_bytes - 1;
    while (frame + 1 < raw_begins_.size() && raw_begins_[frame + 1] <= first) ++frame;
    for (size_t i = frame; i < out.size() && raw_begins_[i] <= last; ++i) out[i] = true;
  }
  return out;
}

std::string StreamLayout::first_path(size_t frame) const {
  const uint64_t begin = raw_begins_[frame];
  const uint64_t end = begin + index_.frames[frame].raw_size;
  std::string out;
  for (size_t item = item_at(begin); item < order_.size() && begins_[item] < end; ++item) {
    const Entry& entry = index_.entries[order_[item]];
    if (out.empty()) out = entry.path.str();
    if (entry.type == EntryType::kFile) return entry.path.str();
  }
  return out;
}

}  // namespace eb
