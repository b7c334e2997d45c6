#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/error.hpp"
#include "installer/base/sys.hpp"

namespace eb {

/// Owns one file descriptor. The destructor closes and ignores the answer: right for reading; a
/// written file is closed with close_written(), because NFS reports ENOSPC and EDQUOT there (FAULTS
/// F116).
class Fd {
 public:
  Fd() = default;
  Fd(Sys& sys, int fd) : sys_(&sys), fd_(fd) {}
  Fd(Fd&& other) noexcept : sys_(other.sys_), fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      sys_ = other.sys_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) sys_->close(std::exchange(fd_, -1));
  }

 private:
  Sys* sys_ = nullptr;
  int fd_ = -1;
};

// Whole operations over Sys: they retry EINTR and short counts, and throw system_error() otherwise.
// `where` is the path to show to a person; it is not opened.

/// Adds O_CLOEXEC.
Fd open_at(Sys& sys, int dir, const char* path, int flags, mode_t mode, const std::string& where);
/// A directory, never through a symlink in its last component.
Fd open_dir_at(Sys& sys, int dir, const char* path, const std::string& where);
/// Creates with O_EXCL|O_NOFOLLOW, write only: an existing name, link or not, is EEXIST.
Fd create_at(Sys& sys, int dir, const char* path, mode_t mode, const std::string& where);

/// Reads until `size` bytes or the end; returns how many.
size_t read_up_to(Sys& sys, int fd, void* buffer, size_t size, const std::string& where);
size_t pread_up_to(Sys& sys, int fd, void* buffer, size_t size, uint64_t offset,
                   const std::string& where);
void write_all(Sys& sys, int fd, Bytes data, const std::string& where);
void pwrite_all(Sys& sys, int fd, Bytes data, uint64_t offset, const std::string& where);
/// close() whose error counts.
void close_written(Sys& sys, Fd fd, const std::string& where);

/// renameat() whose reply may be lost: 0 also when it failed but `to` is now what `from` was, as
/// on NFS, where a request that was done is sent again (FAULTS §6). Else -errno.
int rename_at(Sys& sys, int from_dir, const char* from, int to_dir, const char* to);

/// What `whole` returns, an operation that begins by opening a file by its name. It is done anew,
/// at most three times, where it throws ESTALE: another machine put a new file into the place of
/// the one that was being read (F122; ReopeningSys has tried the same file before).
template <typename Whole>
auto again_if_exchanged(Whole whole) -> decltype(whole()) {
  for (int left = 3;; --left) {
    try {
      return whole();
    } catch (const Error& error) {
      if (error.cause() != ESTALE || left == 0) throw;
    }
  }
}

/// The whole of a regular file, at most `max_bytes` (else Error kIo "file too large").
std::vector<std::byte> read_file_at(Sys& sys, int dir, const char* path, size_t max_bytes,
                                    const std::string& where);
/// Target text of a symlink; throws also when it is no symlink.
std::string read_link_at(Sys& sys, int dir, const char* path, const std::string& where);

/// Makes `path` hold `data` or stay as it was, across a crash: temporary name in the same
/// directory, fsync, rename, fsync of the directory. `temporary` must be a name that nobody else
/// uses.
void replace_file_at(Sys& sys, int dir, const char* path, const char* temporary, Bytes data,
                     mode_t mode, const std::string& where);

/// The same, with the temporary name in another directory of the same file system: for a place
/// where nobody would look for what a killed run leaves.
void replace_file_at(Sys& sys, int dir, const char* path, int temporary_dir, const char* temporary,
                     Bytes data, mode_t mode, const std::string& where);

}  // namespace eb
