#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "installer/base/digest.hpp"
#include "installer/base/file.hpp"

namespace eb {

/// A large file, whose content lies in several frames and is written by several workers. Where
/// `past_cache` is asked for and the file system can, its whole blocks are written with O_DIRECT
/// (open(2)) to space that was allocated at once: no page is found, copied to and written out later
/// by the processor that decodes, and the programs of others stay in memory. The blocks at a part's
/// edges are shared with the next part and go through the page cache.
class SpanningFile {
 public:
  /// Makes the file; called by whoever comes first. Throws Error.
  using Creator = std::function<Fd()>;
  /// Opens what Creator made once more, with these flags; the result is a descriptor or -errno.
  using Reopener = std::function<int(int flags)>;

  void set_size(uint64_t bytes) { size_ = left_ = bytes; }

  /// Makes it unless another worker did. Returns whether parts had better be written whole, a frame
  /// at a time. Throws Error.
  bool open(Sys& sys, const Creator& create, const Reopener& reopen, bool past_cache,
            const std::string& where);

  /// Writes a part. Returns the descriptor when it was the last one, else none. Throws Error.
  Fd write(Sys& sys, Bytes data, uint64_t offset, const std::string& where);

 private:
  void write_blocks(Sys& sys, Bytes data, uint64_t offset, const std::string& where);

  std::mutex mutex_;
  Fd fd_;
  Fd direct_;  ///< the same file; none = through the page cache
  uint64_t size_ = 0;
  uint64_t left_ = 0;  ///< bytes
};

}  // namespace eb
