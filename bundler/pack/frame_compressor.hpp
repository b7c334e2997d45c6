#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

inline constexpr int kDefaultLevel = 9;  ///< see pack.hpp, PackOptions::level
inline constexpr int kMaxLevel = 19;     ///< above it windows grow past what an installer accepts

/// Makes single zstd frames with content size and checksum, in one thread: the bytes depend on
/// level, input and the zstd release alone. Not for use by several threads at once.
class FrameCompressor {
 public:
  /// Throws Error(kUsage) unless 1 <= level <= kMaxLevel.
  explicit FrameCompressor(int level);
  ~FrameCompressor();
  FrameCompressor(FrameCompressor&&) noexcept;
  FrameCompressor& operator=(FrameCompressor&&) noexcept;

  std::vector<std::byte> compress(Bytes raw);

  /// Memory that one compressor of that level uses for frames of that size, buffers included.
  static size_t memory_bytes(int level, size_t frame_raw_size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
