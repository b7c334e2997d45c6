#pragma once

#include <dirent.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eb {

/// One name in a directory. `type` is a DT_* value, DT_UNKNOWN where the file system does not say.
struct DirEntry {
  std::string name;
  unsigned char type = DT_UNKNOWN;
};

enum class QuotaKind { kUser, kGroup };

/// The seam: every file-system call of the installer goes through here, so that a test can fail the
/// n-th one, cut it short, lose its reply or stop the process at it (FAULTS §5).
///
/// Calls behave as the kernel's: the result is >= 0, or -errno. Nothing retries, nothing throws;
/// EINTR and short counts reach the caller (file.hpp turns them into whole operations and Errors).
/// Safe for use by many threads at once.
class Sys {
 public:
  virtual ~Sys() = default;

  virtual int openat(int dir, const char* path, int flags, mode_t mode) = 0;
  virtual int close(int fd) = 0;
  /// Makes the number `onto` mean what `fd` means, with O_CLOEXEC (dup3(2)).
  virtual int dup_onto(int fd, int onto) = 0;
  virtual ssize_t read(int fd, void* buffer, size_t size) = 0;
  virtual ssize_t pread(int fd, void* buffer, size_t size, off_t offset) = 0;
  virtual ssize_t write(int fd, const void* buffer, size_t size) = 0;
  virtual ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) = 0;
  virtual int ftruncate(int fd, off_t size) = 0;
  virtual int fallocate(int fd, int mode, off_t offset, off_t size) = 0;
  virtual int fchmod(int fd, mode_t mode) = 0;
  /// Follows no link: one in the place of the file is -ELOOP (F112).
  virtual int fchmodat(int dir, const char* path, mode_t mode) = 0;
  /// times[0] is the access time, times[1] that of the last change of content (futimens(2)).
  virtual int futimens(int fd, const timespec times[2]) = 0;
  /// Makes `to`, an empty file, share the blocks of `from` (ioctl FICLONE: btrfs, XFS, bcachefs).
  virtual int clone_file(int to, int from) = 0;
  virtual int fsync(int fd) = 0;
  virtual int syncfs(int fd) = 0;
  virtual int fstat(int fd, struct stat* out) = 0;
  virtual int fstatat(int dir, const char* path, struct stat* out, int flags) = 0;
  virtual int fstatfs(int fd, struct statfs* out) = 0;
  /// Q_GETQUOTA of a user or group on the file system of `fd` (quotactl_fd(2), Linux 5.14).
  virtual int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) = 0;
  virtual int faccessat(int dir, const char* path, int mode) = 0;
  virtual int mkdirat(int dir, const char* path, mode_t mode) = 0;
  virtual int symlinkat(const char* target, int dir, const char* path) = 0;
  virtual int linkat(int from_dir, const char* from, int to_dir, const char* to) = 0;
  virtual ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) = 0;
  virtual int renameat(int from_dir, const char* from, int to_dir, const char* to) = 0;
  virtual int unlinkat(int dir, const char* path, int flags) = 0;
  /// All entries but "." and ".."; leaves the position of `dir` undefined. Result 0 or -errno.
  virtual int list(int dir, std::vector<DirEntry>* out) = 0;
};

/// The kernel's calls, over ReopeningSys. One object for the whole process, never destroyed.
Sys& real_sys();

}  // namespace eb
