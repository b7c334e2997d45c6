#pragma once

#include <memory>
#include <string>

#include "installer/base/sys.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// zstd level of an image. Measured on pytorch-2.8-cu128 (7.5 GB of files, 2 cores): level 1 gives
/// 4.33 GB in 12 s of CPU time, level 3 4.18 GB in 21 s; beyond that the CPU is the bottleneck.
inline constexpr int kImageLevel = 3;
/// Bytes of a data block: what the kernel asks a FUSE file system for at once, so that a block is
/// decompressed once and no more of it than is wanted.
inline constexpr uint32_t kImageBlockBytes = 128u << 10;

/// Writes the tree of an index as one squashfs (zstd, owner 0:0, modes of FORMAT §5, every time
/// that of the bundle). The same contents in the same order give the same bytes, with any number of
/// threads. Not for use by two threads at once.
class ImageWriter {
 public:
  /// `fd` is an empty file, open for reading and writing, that stays the caller's; `index` must
  /// outlive the writer. `jobs` threads compress.
  ImageWriter(Sys& sys, int fd, const Index& index, unsigned jobs, const std::string& where);
  ~ImageWriter();
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;

  /// The next part of a file's content. Files may come in any order, but one after the other and
  /// each from its beginning to its end; an empty file comes as one empty part. Throws Error.
  void content(uint32_t entry, uint64_t offset, Bytes data);

  /// Writes the tables once every file came. Returns the size of the image in bytes. Throws Error,
  /// kInternal for a file that did not come.
  uint64_t finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
