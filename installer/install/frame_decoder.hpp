#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "installer/base/digest.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// Buffers and decompressor of one worker: a frame's compressed bytes go in, and come out only
/// after their digest was compared. Not for use by two threads at once.
class FrameDecoder {
 public:
  /// Allocates for the largest frame of a bundle; see memory_bytes().
  explicit FrameDecoder(const IndexTotals& totals);
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  /// Where the compressed bytes of the next frame belong.
  std::span<std::byte> input(uint64_t compressed_size);

  /// Gets all that is decoded so far: the same address each time, more bytes each time, and at
  /// least once the whole frame.
  using PieceFunction = std::function<void(Bytes so_far)>;

  /// Decodes what was put into input(), a piece at a time: what is written while it is still in the
  /// CPU's cache is not fetched from memory again. `number` is for messages. Throws Error:
  /// kDigestMismatch when the bytes are not those of the index (nothing was decoded then) or decode
  /// to another length (F016, F017); kMalformed for a frame that breaks FORMAT §4: window,
  /// dictionary, content size, bytes after its end (F015, F018–F020). The bytes are valid until the
  /// next call.
  void decode(const Frame& frame, size_t number, const PieceFunction& piece);

  static uint64_t memory_bytes(const IndexTotals& totals);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
