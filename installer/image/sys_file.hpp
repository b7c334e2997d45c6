#pragma once

#include <sqfs/io.h>

#include <atomic>
#include <memory>
#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// What libsquashfs reads from and writes to: an open descriptor behind Sys, which stays the
/// caller's. Reads may be made by many threads at once.
class SysFile {
 public:
  SysFile(Sys& sys, int fd, std::string where);
  SysFile(const SysFile&) = delete;
  SysFile& operator=(const SysFile&) = delete;

  sqfs_file_t* get() { return &view_.base; }

  /// Throws what `result` (an SQFS_ERROR, or >= 0) means; a failed system call below it by its own
  /// errno. `what` is the Error's text.
  void check(int result, const std::string& what) const;

 private:
  // The library's object and the way back from it to ours.
  struct View {
    sqfs_file_t base;
    SysFile* owner;
  };
  static SysFile& of(const sqfs_file_t* file);
  static int read_at(sqfs_file_t* file, sqfs_u64 offset, void* buffer, size_t size);
  static int write_at(sqfs_file_t* file, sqfs_u64 offset, const void* buffer, size_t size);
  static sqfs_u64 get_size(const sqfs_file_t* file);
  static int truncate(sqfs_file_t* file, sqfs_u64 size);

  Sys& sys_;
  const int fd_;
  const std::string where_;
  std::atomic<int> errno_{0};  ///< of the first call that failed
  std::atomic<uint64_t> size_{0};
  View view_;
};

/// Destroys an object of libsquashfs.
struct SqfsDeleter {
  void operator()(void* object) const noexcept { sqfs_destroy(object); }
};
template <typename T>
using SqfsPtr = std::unique_ptr<T, SqfsDeleter>;

/// Takes what a create function gave; null is "out of memory".
template <typename T>
SqfsPtr<T> sqfs_own(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return SqfsPtr<T>(object);
}

}  // namespace eb
