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
  /// Offset of an item of order() in the decoded stream; of the stream's end after the last one.
  uint64_t item_begin(size_t item) const { return begins_[item]; }
  /// The item that holds a byte of the decoded stream.
  size_t item_at(uint64_t raw_offset) const;
  /// Every mtime in the stream, seconds since 1970 (FORMAT §6).
  uint64_t epoch() const { return epoch_; }

  /// Files whose content lies in more than one frame.
  const std::vector<uint32_t>& spanning_files() const { return spanning_; }

  /// One flag a frame: those that hold something of a file whose flag in `done` (one an entry) is
  /// 0.
  std::vector<bool> frames_needed(const std::vector<char>& done) const;

  /// For messages: a path of which the frame holds something, the first file where there is one.
  std::string first_path(size_t frame) const;

 private:
  const Index& index_;
  uint64_t epoch_ = 0;
  std::vector<uint32_t> order_;
  std::vector<uint64_t> begins_;  ///< of each item of order_ in the stream; the end comes last
  std::vector<uint64_t> compressed_begins_;
  std::vector<uint64_t> raw_begins_;
  std::vector<uint32_t> spanning_;
};

}  // namespace eb
