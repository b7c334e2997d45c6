#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// Where everything lies in the tar stream that the frames of an index decode to (FORMAT §7). A
/// pure function of the index, which must outlive it. Safe for many threads.
class StreamLayout {
 public:
  explicit StreamLayout(const Index& index);

  const Index& index() const { return index_; }
  /// Entries in the stream's order.
  const std::vector<uint32_t>& order() const { return order_; }
  /// Offset of frame `i`'s first byte in the file's data part, and in the decoded stream.
  uint64_t compressed_begin(size_t frame) const { return compressed_begins_[frame]; }
  uint64_t raw_begin(size_t frame) const { return raw_begins_[frame]; }

  /// Files whose content lies in more than one frame.
  const std::vector<uint32_t>& spanning_files() const { return spanning_; }

  /// The part of a file's content that a frame holds.
  using ContentFunction = std::function<void(uint32_t entry, uint64_t offset, Bytes data)>;

  /// Compares everything of a decoded frame that is not content – headers, padding, end – with what
  /// the index says it must be, and hands the content on in the stream's order. An empty file is
  /// handed on by the frame with its header's last byte. Throws Error(kDigestMismatch).
  void check_frame(size_t frame, Bytes raw, const ContentFunction& content) const;

  /// For messages: a path of which the frame holds something, the first file where there is one.
  std::string first_path(size_t frame) const;

 private:
  size_t first_item(uint64_t raw_offset) const;

  const Index& index_;
  uint64_t epoch_ = 0;
  std::vector<uint32_t> order_;
  std::vector<uint64_t> begins_;  ///< of each item of order_ in the stream; the end comes last
  std::vector<uint64_t> compressed_begins_;
  std::vector<uint64_t> raw_begins_;
  std::vector<uint32_t> spanning_;
};

}  // namespace eb
