#include "installer/install/spanning_file.hpp"

#include <fcntl.h>

#include <cerrno>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// Of the file system: ext4 and XFS are made with blocks of 4 KiB nearly everywhere. Smaller ones
// divide it, and what a larger one refuses goes through the page cache.
constexpr uint64_t kBlock = 4096;
// Of the memory: what a device asks for that is not content with any address.
constexpr uintptr_t kMemoryAlignment = 512;

/// By the file system, or by a filter of system calls.
bool is_refused(ssize_t result) {
  return result == -EINVAL || result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM;
}

}  // namespace

bool SpanningFile::open(Sys& sys, const Creator& create, const Reopener& reopen, bool past_cache,
                        const std::string& where) {
  const std::lock_guard lock(mutex_);
  if (fd_) return static_cast<bool>(direct_);
  fd_ = create();
  if (!past_cache) return false;
  // Where blocks are there already, several workers may write at once, and lie in one piece.
  const int r = sys.fallocate(fd_.get(), 0, 0, static_cast<off_t>(size_));
  if (r < 0) {
    if (is_refused(r)) return false;
    throw system_error(-r, "cannot write", where);
  }
  direct_ = Fd(sys, reopen(O_WRONLY | O_DIRECT));
  return static_cast<bool>(direct_);
}

Fd SpanningFile::write(Sys& sys, Bytes data, uint64_t offset, const std::string& where) {
  // Open until `left_` is 0, and this part is not yet taken off it.
  if (direct_) {
    write_blocks(sys, data, offset, where);
  } else {
    pwrite_all(sys, fd_.get(), data, offset, where);
  }
  const std::lock_guard lock(mutex_);
  left_ -= data.size();
  if (left_ != 0) return {};
  if (direct_) close_written(sys, std::move(direct_), where);
  return std::move(fd_);
}

void SpanningFile::write_blocks(Sys& sys, Bytes data, uint64_t offset, const std::string& where) {
  const uint64_t to_block = (kBlock - offset % kBlock) % kBlock;
  if (data.size() >= to_block + kBlock &&
      reinterpret_cast<uintptr_t>(data.data() + to_block) % kMemoryAlignment == 0) {
    pwrite_all(sys, fd_.get(), data.first(to_block), offset, where);
    data = data.subspan(to_block);
    offset += to_block;
    while (data.size() >= kBlock) {
      const size_t size = data.size() / kBlock * kBlock;
      const ssize_t put = sys.pwrite(direct_.get(), data.data(), size, static_cast<off_t>(offset));
      if (put == -EINTR) continue;
      if (is_refused(put)) break;
      if (put <= 0)
        throw system_error(put < 0 ? static_cast<int>(-put) : EIO, "cannot write", where);
      data = data.subspan(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
      if (static_cast<uint64_t>(put) % kBlock != 0) break;
    }
  }
  pwrite_all(sys, fd_.get(), data, offset, where);
}

}  // namespace eb
