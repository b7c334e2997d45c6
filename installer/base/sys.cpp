#include "installer/base/sys.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "installer/base/reopening_sys.hpp"

namespace eb {
namespace {

template <typename T>
T or_errno(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

class RealSys final : public Sys {
 public:
  int openat(int dir, const char* path, int flags, mode_t mode) override {
    return or_errno(::openat(dir, path, flags, mode));
  }
  int close(int fd) override { return or_errno(::close(fd)); }
  int dup_onto(int fd, int onto) override { return or_errno(::dup3(fd, onto, O_CLOEXEC)); }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return or_errno(::read(fd, buffer, size));
  }
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override {
    return or_errno(::pread(fd, buffer, size, offset));
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return or_errno(::write(fd, buffer, size));
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return or_errno(::pwrite(fd, buffer, size, offset));
  }
  int ftruncate(int fd, off_t size) override { return or_errno(::ftruncate(fd, size)); }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return or_errno(::fallocate(fd, mode, offset, size));
  }
  int fchmod(int fd, mode_t mode) override { return or_errno(::fchmod(fd, mode)); }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    const int r = or_errno(::fchmodat(dir, path, mode, AT_SYMLINK_NOFOLLOW));
    if (r != -EOPNOTSUPP) return r;
    // A link, or a machine without /proc, which the C library goes through.
    const int fd = ::openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -errno;
    const int by_descriptor = or_errno(::fchmod(fd, mode));
    ::close(fd);
    return by_descriptor;
  }
  int futimens(int fd, const timespec times[2]) override { return or_errno(::futimens(fd, times)); }
  int clone_file(int to, int from) override { return or_errno(::ioctl(to, FICLONE, from)); }
  int fsync(int fd) override { return or_errno(::fsync(fd)); }
  int syncfs(int fd) override { return or_errno(::syncfs(fd)); }
  int fstat(int fd, struct stat* out) override { return or_errno(::fstat(fd, out)); }
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    return or_errno(::fstatat(dir, path, out, flags));
  }
  int fstatfs(int fd, struct statfs* out) override { return or_errno(::fstatfs(fd, out)); }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    constexpr long kQuotactlFd = 443;  // the same on every architecture; glibc has no name for it
    const int type = kind == QuotaKind::kUser ? USRQUOTA : GRPQUOTA;
    return or_errno(static_cast<int>(::syscall(kQuotactlFd, fd, QCMD(Q_GETQUOTA, type), id, out)));
  }
  int faccessat(int dir, const char* path, int mode) override {
    return or_errno(::faccessat(dir, path, mode, 0));
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return or_errno(::mkdirat(dir, path, mode));
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return or_errno(::symlinkat(target, dir, path));
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return or_errno(::linkat(from_dir, from, to_dir, to, 0));
  }
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override {
    return or_errno(::readlinkat(dir, path, buffer, size));
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    return or_errno(::renameat(from_dir, from, to_dir, to));
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return or_errno(::unlinkat(dir, path, flags));
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    // fdopendir takes the descriptor over, and rewinding a shared one would disturb the caller's.
    const int fd = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    DIR* stream = ::fdopendir(fd);
    if (stream == nullptr) {
      const int error = errno;
      ::close(fd);
      return -error;
    }
    int result = 0;
    while (true) {
      errno = 0;
      const struct dirent* entry = ::readdir(stream);
      if (entry == nullptr) {
        result = -errno;
        break;
      }
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      out->push_back({entry->d_name, entry->d_type});
    }
    ::closedir(stream);
    return result;
  }
};

}  // namespace

Sys& real_sys() {
  static auto* const kernel = new RealSys;
  static auto* const sys = new ReopeningSys(*kernel);
  return *sys;
}

}  // namespace eb
