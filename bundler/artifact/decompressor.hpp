#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bundler/artifact/input_file.hpp"

namespace eb {

/// Streams the decoded bytes of a range of a file. Only what the constructor allows is decoded;
/// gzip, xz, zstd, bzip2 and lzma are known. Throws bad_artifact() for damaged data and past
/// `max_decoded_bytes` (xz bombs, FAULTS F062).
class Decompressor {
 public:
  enum class Codec { kNone, kGzip, kXz, kZstd, kBzip2, kLzma };
  static constexpr uint64_t kDefaultMaxBytes = uint64_t{256} << 30;

  /// `file` must outlive this object.
  Decompressor(const InputFile& file, uint64_t offset, uint64_t size_bytes, Codec codec,
               uint64_t max_decoded_bytes = kDefaultMaxBytes);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Fills the buffer unless the end comes first; 0 at the end.
  size_t read(void* buffer, size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
