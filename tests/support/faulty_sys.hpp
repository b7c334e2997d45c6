#pragma once

#include <cerrno>
#include <functional>
#include <mutex>
#include <string>

#include "installer/base/sys.hpp"

namespace eb::test {

/// One call as a fault sees it.
struct SysCall {
  std::string name;   ///< "openat", "renameat", …
  std::string path;   ///< first path of the call; empty where it has none
  size_t number = 0;  ///< 1 for the first call of all
};

/// Any Sys with faults put in, for many threads. Both functions are called under a lock.
class FaultySys final : public Sys {
 public:
  /// Asked before each call: the errno to answer instead of calling, 0 to go on.
  std::function<int(const SysCall&)> before;
  /// Asked after a call that succeeded: the errno to answer although it was done (a lost reply).
  std::function<int(const SysCall&)> after;
  /// read, pread, write, pwrite move at most so many bytes; 0 = as many as asked for.
  size_t max_transfer = 0;

  explicit FaultySys(Sys& inner = real_sys()) : inner_(inner) {}

  size_t calls() const { return calls_; }

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    return with("openat", path, [&] { return inner_.openat(dir, path, flags, mode); });
  }
  int close(int fd) override {
    // As on Linux: the descriptor is gone whatever the answer is.
    const int fault = ask(before, "close", "", true);
    const int result = inner_.close(fd);
    return fault != 0 ? -fault : result;
  }
  int dup_onto(int fd, int onto) override {
    return with("dup_onto", "", [&] { return inner_.dup_onto(fd, onto); });
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return with("read", "", [&] { return inner_.read(fd, buffer, cut(size)); });
  }
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override {
    return with("pread", "", [&] { return inner_.pread(fd, buffer, cut(size), offset); });
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return with("write", "", [&] { return inner_.write(fd, buffer, cut(size)); });
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return with("pwrite", "", [&] { return inner_.pwrite(fd, buffer, cut(size), offset); });
  }
  int ftruncate(int fd, off_t size) override {
    return with("ftruncate", "", [&] { return inner_.ftruncate(fd, size); });
  }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return with("fallocate", "", [&] { return inner_.fallocate(fd, mode, offset, size); });
  }
  int fchmod(int fd, mode_t mode) override {
    return with("fchmod", "", [&] { return inner_.fchmod(fd, mode); });
  }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    return with("fchmodat", path, [&] { return inner_.fchmodat(dir, path, mode); });
  }
  int futimens(int fd, const timespec times[2]) override {
    return with("futimens", "", [&] { return inner_.futimens(fd, times); });
  }
  int clone_file(int to, int from) override {
    return with("clone_file", "", [&] { return inner_.clone_file(to, from); });
  }
  int fsync(int fd) override {
    return with("fsync", "", [&] { return inner_.fsync(fd); });
  }
  int syncfs(int fd) override {
    return with("syncfs", "", [&] { return inner_.syncfs(fd); });
  }
  int fstat(int fd, struct stat* out) override {
    return with("fstat", "", [&] { return inner_.fstat(fd, out); });
  }
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    return with("fstatat", path, [&] { return inner_.fstatat(dir, path, out, flags); });
  }
  int fstatfs(int fd, struct statfs* out) override {
    const int result = with("fstatfs", "", [&] { return inner_.fstatfs(fd, out); });
    if (result == 0 && change_statfs) change_statfs(out);
    return result;
  }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    const int result = with("get_quota", "", [&] { return inner_.get_quota(fd, kind, id, out); });
    return give_quota ? give_quota(kind, out) : result;
  }
  int faccessat(int dir, const char* path, int mode) override {
    return with("faccessat", path, [&] { return inner_.faccessat(dir, path, mode); });
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return with("mkdirat", path, [&] { return inner_.mkdirat(dir, path, mode); });
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return with("symlinkat", path, [&] { return inner_.symlinkat(target, dir, path); });
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return with("linkat", to, [&] { return inner_.linkat(from_dir, from, to_dir, to); });
  }
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override {
    return with("readlinkat", path, [&] { return inner_.readlinkat(dir, path, buffer, size); });
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    return with("renameat", to, [&] { return inner_.renameat(from_dir, from, to_dir, to); });
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return with("unlinkat", path, [&] { return inner_.unlinkat(dir, path, flags); });
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    return with("list", "", [&] { return inner_.list(dir, out); });
  }

  /// Changes what statfs tells: another file system, less space.
  std::function<void(struct statfs*)> change_statfs;
  /// Answers get_quota in the kernel's place: 0 or -errno.
  std::function<int(QuotaKind, struct dqblk*)> give_quota;

 private:
  int ask(const std::function<int(const SysCall&)>& hook, const char* name, const char* path,
          bool counts) {
    const std::lock_guard lock(mutex_);
    if (counts) ++calls_;
    return hook ? hook({name, path, calls_}) : 0;
  }
  template <typename Call>
  auto with(const char* name, const char* path, Call call) -> decltype(call()) {
    if (const int fault = ask(before, name, path, true); fault != 0) return -fault;
    const auto result = call();
    if (result < 0) return result;
    if (const int fault = ask(after, name, path, false); fault != 0) return -fault;
    return result;
  }
  size_t cut(size_t size) const { return max_transfer == 0 ? size : std::min(size, max_transfer); }

  Sys& inner_;
  std::mutex mutex_;
  size_t calls_ = 0;
};

}  // namespace eb::test
