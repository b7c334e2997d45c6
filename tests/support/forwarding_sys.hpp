#pragma once

#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb::test {

/// Hands every call on; a test overrides the ones that it wants to fail.
class ForwardingSys : public Sys {
 public:
  explicit ForwardingSys(Sys& next = real_sys()) : next_(next) {}

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    return next_.openat(dir, path, flags, mode);
  }
  int close(int fd) override { return next_.close(fd); }
  int dup_onto(int fd, int onto) override { return next_.dup_onto(fd, onto); }
  ssize_t read(int fd, void* buffer, size_t size) override { return next_.read(fd, buffer, size); }
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override {
    return next_.pread(fd, buffer, size, offset);
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return next_.write(fd, buffer, size);
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return next_.pwrite(fd, buffer, size, offset);
  }
  int ftruncate(int fd, off_t size) override { return next_.ftruncate(fd, size); }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return next_.fallocate(fd, mode, offset, size);
  }
  int fchmod(int fd, mode_t mode) override { return next_.fchmod(fd, mode); }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    return next_.fchmodat(dir, path, mode);
  }
  int futimens(int fd, const timespec times[2]) override { return next_.futimens(fd, times); }
  int clone_file(int to, int from) override { return next_.clone_file(to, from); }
  int fsync(int fd) override { return next_.fsync(fd); }
  int syncfs(int fd) override { return next_.syncfs(fd); }
  int fstat(int fd, struct stat* out) override { return next_.fstat(fd, out); }
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    return next_.fstatat(dir, path, out, flags);
  }
  int fstatfs(int fd, struct statfs* out) override { return next_.fstatfs(fd, out); }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    return next_.get_quota(fd, kind, id, out);
  }
  int faccessat(int dir, const char* path, int mode) override {
    return next_.faccessat(dir, path, mode);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return next_.mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return next_.symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return next_.linkat(from_dir, from, to_dir, to);
  }
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override {
    return next_.readlinkat(dir, path, buffer, size);
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    return next_.renameat(from_dir, from, to_dir, to);
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return next_.unlinkat(dir, path, flags);
  }
  int list(int dir, std::vector<DirEntry>* out) override { return next_.list(dir, out); }

 private:
  Sys& next_;
};

}  // namespace eb::test
