#pragma once

#include <cstdint>
#include <functional>

#include "installer/base/digest.hpp"
#include "installer/install/stream_layout.hpp"

namespace eb {

/// A file whose part in a frame has at most this many bytes is handed on whole; of a larger one,
/// pieces of at least so many.
inline constexpr uint64_t kContentPiece = 256u << 10;

/// The part of a file's content that is there.
using ContentFunction = std::function<void(uint32_t entry, uint64_t offset, Bytes data)>;

/// Goes through one decoded frame while it is decoded: compares everything that is not content –
/// headers, padding, end – with what the index says it must be (FORMAT §7), and hands the content
/// on in the stream's order. An empty file is handed on by the frame with its header's last byte.
/// The layout must outlive it.
class FrameCursor {
 public:
  FrameCursor(const StreamLayout& layout, size_t frame);

  /// `so_far` is the frame from its beginning; each time more of it, at last the whole. Throws
  /// Error(kDigestMismatch), and what `content` throws.
  void advance(Bytes so_far, const ContentFunction& content);

 private:
  enum class Part { kHeader, kContent, kPadding };
  bool pass_header(Bytes so_far, const ContentFunction& content);
  bool pass_content(Bytes so_far, const ContentFunction& content);
  bool pass_padding(Bytes so_far);

  const StreamLayout& layout_;
  const size_t frame_;
  const uint64_t begin_;  ///< of the frame in the decoded stream
  const uint64_t size_;   ///< of the frame, decoded
  size_t item_;           ///< of the layout's order()
  Part part_ = Part::kHeader;
  uint64_t header_size_ = 0;  ///< of the item
  uint64_t handed_on_ = 0;    ///< bytes of the item's content in this frame
};

}  // namespace eb
