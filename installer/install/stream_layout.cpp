#include "installer/install/stream_layout.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "installer/base/error.hpp"
#include "installer/format/tar_stream.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

// What [begin, begin + size) of the stream has in common with one frame.
struct Overlap {
  uint64_t inside = 0;    ///< offset in the range
  uint64_t in_frame = 0;  ///< offset in the frame
  uint64_t size = 0;
};

Overlap overlap(uint64_t begin, uint64_t size, uint64_t frame_begin, uint64_t frame_size) {
  const uint64_t from = std::max(begin, frame_begin);
  const uint64_t to = std::min(begin + size, frame_begin + frame_size);
  if (from >= to) return {};
  return {from - begin, from - frame_begin, to - from};
}

bool all_zero(Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

[[noreturn]] void refuse(size_t frame, const std::string& what, uint64_t raw_offset) {
  throw Error(ExitCode::kDigestMismatch, "the stream is not what the index says")
      .where("frame " + std::to_string(frame) + ", stream byte " + std::to_string(raw_offset))
      .why(what)
      .hint("the bundle was made wrongly: have it built again with 'envbundle build'");
}

}  // namespace

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

size_t StreamLayout::first_item(uint64_t raw_offset) const {
  const auto after = std::ranges::upper_bound(begins_, raw_offset);
  return static_cast<size_t>(after - begins_.begin()) - 1;
}

void StreamLayout::check_frame(size_t frame, Bytes raw, const ContentFunction& content) const {
  const uint64_t begin = raw_begins_[frame];
  const uint64_t end = begin + raw.size();
  for (size_t item = first_item(begin); item < order_.size() && begins_[item] < end; ++item) {
    const Entry& entry = index_.entries[order_[item]];
    const uint64_t item_begin = begins_[item];
    // A large file's middle: nothing but content, and no header to be made for it.
    uint64_t header_size = tar_header_size(entry);
    if (item_begin + header_size > begin) {
      const std::vector<std::byte> header = tar_header(entry, epoch_);
      header_size = header.size();
      const Overlap part = overlap(item_begin, header_size, begin, raw.size());
      if (std::memcmp(raw.data() + part.in_frame, header.data() + part.inside, part.size) != 0) {
        refuse(frame, "the header of " + entry.path.str() + " differs", begin + part.in_frame);
      }
    }
    const uint64_t content_begin = item_begin + header_size;
    if (entry.type == EntryType::kFile && entry.size_bytes == 0) {
      // Its header's last byte lies here.
      if (content_begin > begin && content_begin <= end) content(order_[item], 0, {});
      continue;
    }
    if (const Overlap part = overlap(content_begin, entry.size_bytes, begin, raw.size());
        part.size > 0) {
      content(order_[item], part.inside, raw.subspan(part.in_frame, part.size));
    }
    const Overlap padding =
        overlap(content_begin + entry.size_bytes, tar_padding(entry.size_bytes), begin, raw.size());
    if (!all_zero(raw.subspan(padding.in_frame, padding.size))) {
      refuse(frame, "the padding of " + entry.path.str() + " is not zero",
             begin + padding.in_frame);
    }
  }
  const Overlap rest = overlap(begins_.back(), kTarEndSize, begin, raw.size());
  if (!all_zero(raw.subspan(rest.in_frame, rest.size))) {
    refuse(frame, "the end of the stream is not zero", begin + rest.in_frame);
  }
}

std::string StreamLayout::first_path(size_t frame) const {
  const uint64_t begin = raw_begins_[frame];
  const uint64_t end = begin + index_.frames[frame].raw_size;
  std::string out;
  for (size_t item = first_item(begin); item < order_.size() && begins_[item] < end; ++item) {
    const Entry& entry = index_.entries[order_[item]];
    if (out.empty()) out = entry.path.str();
    if (entry.type == EntryType::kFile) return entry.path.str();
  }
  return out;
}

}  // namespace eb
