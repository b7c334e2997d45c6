#pragma once

#include <cerrno>
#include <mutex>
#include <set>

#include "tests/support/forwarding_sys.hpp"

namespace eb::test {

/// A server that forgets handles: every call by a descriptor that it was told to forget answers
/// ESTALE, until the number means something else.
class ForgetfulServer : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;

  void forget(int fd) {
    const std::lock_guard lock(mutex_);
    forgotten_.insert(fd);
  }

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::openat(dir, path, flags, mode);
  }
  int close(int fd) override {
    know(fd);
    return ForwardingSys::close(fd);
  }
  int dup_onto(int fd, int onto) override {
    know(onto);
    return ForwardingSys::dup_onto(fd, onto);
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::read(fd, buffer, size);
  }
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::pread(fd, buffer, size, offset);
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::write(fd, buffer, size);
  }
  int fchmod(int fd, mode_t mode) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::fchmod(fd, mode);
  }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::fchmodat(dir, path, mode);
  }
  int fsync(int fd) override { return is_forgotten(fd) ? -ESTALE : ForwardingSys::fsync(fd); }
  int fstat(int fd, struct stat* out) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::fstat(fd, out);
  }
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::fstatat(dir, path, out, flags);
  }
  int fstatfs(int fd, struct statfs* out) override {
    return is_forgotten(fd) ? -ESTALE : ForwardingSys::fstatfs(fd, out);
  }
  int faccessat(int dir, const char* path, int mode) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::faccessat(dir, path, mode);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return is_forgotten(from_dir) || is_forgotten(to_dir)
               ? -ESTALE
               : ForwardingSys::linkat(from_dir, from, to_dir, to);
  }
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::readlinkat(dir, path, buffer, size);
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    return is_forgotten(from_dir) || is_forgotten(to_dir)
               ? -ESTALE
               : ForwardingSys::renameat(from_dir, from, to_dir, to);
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::unlinkat(dir, path, flags);
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    return is_forgotten(dir) ? -ESTALE : ForwardingSys::list(dir, out);
  }

 private:
  bool is_forgotten(int fd) {
    const std::lock_guard lock(mutex_);
    return forgotten_.contains(fd);
  }
  void know(int fd) {
    const std::lock_guard lock(mutex_);
    forgotten_.erase(fd);
  }

  std::mutex mutex_;
  std::set<int> forgotten_;
};

}  // namespace eb::test
