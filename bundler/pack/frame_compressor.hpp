#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "installer/base/digest.hpp"

namespace eb {

/// With distant matches found by another way, a longer search brings little: level 7 makes the
/// bundle of PyTorch 1.7 % smaller in twice the time, 9 makes it 3 % smaller in two and a half
/// times the time.
inline constexpr int kDefaultLevel = 4;
/// Up to this level literals are stored as they are, in return for a quick installation: PyTorch's
/// bundle becomes 17 % larger; a tenth of its frames was compressed in half the time and decoded in
/// 60 % of it. Every byte that entropy coding saves costs a core of the installer 3.5 ns, so it
/// pays where bundles come at less than some 300 MB/s.
inline constexpr int kFastLevel = 2;
inline constexpr int kMaxLevel = 19;  ///< above it windows grow past what an installer accepts

/// Raw bytes of a frame that go with a level: the best gets twice as many, at the price of an
/// installer's memory. A library of GPU code holds the same kernel for one architecture after the
/// other, megabytes apart: of libtorch_cuda.so frames of 8, 16 and 32 MiB leave 62, 48 and 43 %.
uint64_t frame_raw_size_of(int level);

/// Makes single zstd frames with content size and checksum, in one thread: the bytes depend on
/// level, size limit, input and the zstd release alone. A match may be anywhere in the frame. Not
/// for use by several threads at once.
class FrameCompressor {
 public:
  /// For frames of up to `frame_raw_size` bytes. Throws Error(kUsage) unless 1 <= level <=
  /// kMaxLevel.
  FrameCompressor(int level, uint64_t frame_raw_size);
  ~FrameCompressor();
  FrameCompressor(FrameCompressor&&) noexcept;
  FrameCompressor& operator=(FrameCompressor&&) noexcept;

  /// What it returns is the compressor's own, until the next call.
  Bytes compress(Bytes raw);

  /// Memory that one compressor of that level uses for frames of that size, buffers included.
  static size_t memory_bytes(int level, uint64_t frame_raw_size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
