#include "installer/install/frame_cursor.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "installer/base/error.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb {
namespace {

// What [begin, begin + size) of the stream has in common with one frame.
struct Overlap {
  uint64_t inside = 0;    ///< offset in the range
  uint64_t in_frame = 0;  ///< offset in the frame
  uint64_t size = 0;
  uint64_t end() const { return in_frame + size; }
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

FrameCursor::FrameCursor(const StreamLayout& layout, size_t frame)
    : layout_(layout),
      frame_(frame),
      begin_(layout.raw_begin(frame)),
      size_(layout.index().frames[frame].raw_size),
      item_(layout.item_at(begin_)) {}

void FrameCursor::advance(Bytes so_far, const ContentFunction& content) {
  const size_t items = layout_.order().size();
  while (item_ < items && layout_.item_begin(item_) < begin_ + size_) {
    if (part_ == Part::kHeader && !pass_header(so_far, content)) return;
    if (part_ == Part::kContent && !pass_content(so_far, content)) return;
    if (!pass_padding(so_far)) return;
    part_ = Part::kHeader;
    ++item_;
  }
  // Looked at once, when all of it is there.
  if (item_ < items || so_far.size() < size_) return;
  const Overlap rest = overlap(layout_.item_begin(items), kTarEndSize, begin_, size_);
  if (!all_zero(so_far.subspan(rest.in_frame, rest.size))) {
    refuse(frame_, "the end of the stream is not zero", begin_ + rest.in_frame);
  }
}

bool FrameCursor::pass_header(Bytes so_far, const ContentFunction& content) {
  const uint32_t number = layout_.order()[item_];
  const Entry& entry = layout_.index().entries[number];
  const uint64_t begin = layout_.item_begin(item_);
  header_size_ = tar_header_size(entry);
  const Overlap part = overlap(begin, header_size_, begin_, size_);
  if (part.end() > so_far.size()) return false;
  // A large file's middle has none.
  if (part.size > 0) {
    const std::vector<std::byte> header = tar_header(entry, layout_.epoch());
    if (std::memcmp(so_far.data() + part.in_frame, header.data() + part.inside, part.size) != 0) {
      refuse(frame_, "the header of " + entry.path.str() + " differs", begin_ + part.in_frame);
    }
    const bool is_last_part = part.inside + part.size == header_size_;
    if (entry.type == EntryType::kFile && entry.size_bytes == 0 && is_last_part) {
      content(number, 0, {});
    }
  }
  part_ = Part::kContent;
  handed_on_ = 0;
  return true;
}

bool FrameCursor::pass_content(Bytes so_far, const ContentFunction& content) {
  const uint32_t number = layout_.order()[item_];
  const Entry& entry = layout_.index().entries[number];
  const Overlap part =
      overlap(layout_.item_begin(item_) + header_size_, entry.size_bytes, begin_, size_);
  const uint64_t there = std::min<uint64_t>(
      part.size, so_far.size() - std::min<uint64_t>(part.in_frame, so_far.size()));
  const uint64_t fresh = there - handed_on_;
  const bool is_all = there == part.size;
  if (fresh > 0 && (is_all || (part.size > kContentPiece && fresh >= kContentPiece))) {
    content(number, part.inside + handed_on_, so_far.subspan(part.in_frame + handed_on_, fresh));
    handed_on_ = there;
  }
  if (is_all) part_ = Part::kPadding;
  return is_all;
}

bool FrameCursor::pass_padding(Bytes so_far) {
  const Entry& entry = layout_.index().entries[layout_.order()[item_]];
  const Overlap part = overlap(layout_.item_begin(item_) + header_size_ + entry.size_bytes,
                               tar_padding(entry.size_bytes), begin_, size_);
  if (part.end() > so_far.size()) return false;
  if (!all_zero(so_far.subspan(part.in_frame, part.size))) {
    refuse(frame_, "the padding of " + entry.path.str() + " is not zero", begin_ + part.in_frame);
  }
  return true;
}

}  // namespace eb
