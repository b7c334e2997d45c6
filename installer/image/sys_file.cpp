#include "installer/image/sys_file.hpp"

#include <sqfs/error.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "installer/base/error.hpp"

namespace eb {
namespace {

const char* error_text(int error) {
  switch (error) {
    case SQFS_ERROR_COMPRESSOR:
      return "a block cannot be compressed or decompressed";
    case SQFS_ERROR_CORRUPTED:
      return "it is damaged";
    case SQFS_ERROR_UNSUPPORTED:
      return "it uses what libsquashfs does not know";
    case SQFS_ERROR_OVERFLOW:
      return "a number in it is too large";
    case SQFS_ERROR_OUT_OF_BOUNDS:
      return "it ends too early";
    case SQFS_ERROR_SUPER_BLOCK_SIZE:
    case SFQS_ERROR_SUPER_MAGIC:
    case SFQS_ERROR_SUPER_VERSION:
      return "it is no squashfs of version 4";
    default:
      return "libsquashfs gave up";
  }
}

}  // namespace

SysFile::SysFile(Sys& sys, int fd, std::string where)
    : sys_(sys), fd_(fd), where_(std::move(where)), view_{} {
  struct stat info {};
  if (const int r = sys_.fstat(fd_, &info); r < 0) {
    throw system_error(-r, "cannot look at the image", where_);
  }
  size_ = static_cast<uint64_t>(info.st_size);
  view_.owner = this;
  view_.base.base.destroy = [](sqfs_object_t*) {};  // this object's destructor does it
  view_.base.read_at = read_at;
  view_.base.write_at = write_at;
  view_.base.get_size = get_size;
  view_.base.truncate = truncate;
}

void SysFile::check(int result, const std::string& what) const {
  if (result >= 0) return;
  if (const int error = errno_; error != 0) throw system_error(error, what, where_);
  if (result == SQFS_ERROR_ALLOC) throw std::bad_alloc();
  throw Error(ExitCode::kDigestMismatch, what)
      .where(where_)
      .why(std::string(error_text(result)) + " (libsquashfs " + std::to_string(result) + ")");
}

SysFile& SysFile::of(const sqfs_file_t* file) {
  return *reinterpret_cast<const View*>(file)->owner;  // the first member of a View
}

int SysFile::read_at(sqfs_file_t* file, sqfs_u64 offset, void* buffer, size_t size) {
  SysFile& self = of(file);
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = self.sys_.pread(self.fd_, to, size, static_cast<off_t>(offset));
    if (got == -EINTR) continue;
    if (got < 0) {
      self.errno_ = static_cast<int>(-got);
      return SQFS_ERROR_IO;
    }
    if (got == 0) return SQFS_ERROR_OUT_OF_BOUNDS;
    to += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return 0;
}

int SysFile::write_at(sqfs_file_t* file, sqfs_u64 offset, const void* buffer, size_t size) {
  SysFile& self = of(file);
  const auto* from = static_cast<const char*>(buffer);
  while (size > 0) {
    const ssize_t put = self.sys_.pwrite(self.fd_, from, size, static_cast<off_t>(offset));
    if (put == -EINTR) continue;
    if (put <= 0) {
      self.errno_ = put < 0 ? static_cast<int>(-put) : EIO;
      return SQFS_ERROR_IO;
    }
    from += put;
    offset += static_cast<uint64_t>(put);
    size -= static_cast<size_t>(put);
  }
  self.size_ = std::max<uint64_t>(self.size_, offset);
  return 0;
}

sqfs_u64 SysFile::get_size(const sqfs_file_t* file) { return of(file).size_; }

int SysFile::truncate(sqfs_file_t* file, sqfs_u64 size) {
  SysFile& self = of(file);
  int r = 0;
  do {
    r = self.sys_.ftruncate(self.fd_, static_cast<off_t>(size));
  } while (r == -EINTR);
  if (r < 0) {
    self.errno_ = -r;
    return SQFS_ERROR_IO;
  }
  self.size_ = size;
  return 0;
}

}  // namespace eb
