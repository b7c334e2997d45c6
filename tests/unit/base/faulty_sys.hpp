#pragma once

#include <cerrno>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb::test {

/// The kernel's calls with faults put in: before each call of a given name the next result of its
/// script is taken. 0 passes the call on, a negative one is answered as it is, `kShort` passes it
/// on with a length of one byte, `kNothing` with none. A rename with `kLost` is done, and answers
/// EIO all the same; fstatat with `kElsewhere` tells of another file system.
class FaultySys final : public Sys {
 public:
  static constexpr int kPass = 0;
  static constexpr int kShort = 1;
  static constexpr int kNothing = 2;
  static constexpr int kLost = 3;
  static constexpr int kElsewhere = 4;

  std::map<std::string, std::vector<int>> script;
  std::vector<std::string> calls;  ///< names, in order

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    last_open_flags = flags;
    const int fault = next("openat");
    return fault < 0 ? fault : real_sys().openat(dir, path, flags, mode);
  }
  int close(int fd) override {
    // As on Linux and NFS: the descriptor is gone whatever the answer is.
    const int fault = next("close");
    const int result = real_sys().close(fd);
    return fault < 0 ? fault : result;
  }
  int dup_onto(int fd, int onto) override {
    const int fault = next("dup_onto");
    return fault < 0 ? fault : real_sys().dup_onto(fd, onto);
  }
  ssize_t read(int fd, void* buffer, size_t size) override {
    const int fault = next("read");
    return fault < 0 ? fault : real_sys().read(fd, buffer, cut(fault, size));
  }
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override {
    const int fault = next("pread");
    return fault < 0 ? fault : real_sys().pread(fd, buffer, cut(fault, size), offset);
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    const int fault = next("write");
    return fault < 0 ? fault : real_sys().write(fd, buffer, cut(fault, size));
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    const int fault = next("pwrite");
    return fault < 0 ? fault : real_sys().pwrite(fd, buffer, cut(fault, size), offset);
  }
  int ftruncate(int fd, off_t size) override {
    const int fault = next("ftruncate");
    return fault < 0 ? fault : real_sys().ftruncate(fd, size);
  }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    const int fault = next("fallocate");
    return fault < 0 ? fault : real_sys().fallocate(fd, mode, offset, size);
  }
  int fchmod(int fd, mode_t mode) override {
    const int fault = next("fchmod");
    return fault < 0 ? fault : real_sys().fchmod(fd, mode);
  }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    const int fault = next("fchmodat");
    return fault < 0 ? fault : real_sys().fchmodat(dir, path, mode);
  }
  int futimens(int fd, const timespec times[2]) override {
    const int fault = next("futimens");
    return fault < 0 ? fault : real_sys().futimens(fd, times);
  }
  int clone_file(int to, int from) override {
    const int fault = next("clone_file");
    return fault < 0 ? fault : real_sys().clone_file(to, from);
  }
  int fsync(int fd) override {
    const int fault = next("fsync");
    return fault < 0 ? fault : real_sys().fsync(fd);
  }
  int syncfs(int fd) override {
    const int fault = next("syncfs");
    return fault < 0 ? fault : real_sys().syncfs(fd);
  }
  int fstat(int fd, struct stat* out) override {
    const int fault = next("fstat");
    return fault < 0 ? fault : real_sys().fstat(fd, out);
  }
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    const int fault = next("fstatat");
    if (fault < 0) return fault;
    const int result = real_sys().fstatat(dir, path, out, flags);
    if (fault == kElsewhere) ++out->st_dev;
    return result;
  }
  int fstatfs(int fd, struct statfs* out) override {
    const int fault = next("fstatfs");
    return fault < 0 ? fault : real_sys().fstatfs(fd, out);
  }
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override {
    const int fault = next("get_quota");
    return fault < 0 ? fault : real_sys().get_quota(fd, kind, id, out);
  }
  int faccessat(int dir, const char* path, int mode) override {
    const int fault = next("faccessat");
    return fault < 0 ? fault : real_sys().faccessat(dir, path, mode);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    const int fault = next("mkdirat");
    return fault < 0 ? fault : real_sys().mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    const int fault = next("symlinkat");
    return fault < 0 ? fault : real_sys().symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    const int fault = next("linkat");
    return fault < 0 ? fault : real_sys().linkat(from_dir, from, to_dir, to);
  }
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override {
    const int fault = next("readlinkat");
    return fault < 0 ? fault : real_sys().readlinkat(dir, path, buffer, size);
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    const int fault = next("renameat");
    if (fault < 0) return fault;
    const int result = real_sys().renameat(from_dir, from, to_dir, to);
    return fault == kLost ? -EIO : result;
  }
  int unlinkat(int dir, const char* path, int flags) override {
    const int fault = next("unlinkat");
    return fault < 0 ? fault : real_sys().unlinkat(dir, path, flags);
  }
  int list(int dir, std::vector<DirEntry>* out) override {
    const int fault = next("list");
    return fault < 0 ? fault : real_sys().list(dir, out);
  }

  int last_open_flags = 0;

 private:
  int next(const std::string& name) {
    calls.push_back(name);
    std::vector<int>& faults = script[name];
    if (faults.empty()) return kPass;
    const int fault = faults.front();
    faults.erase(faults.begin());
    return fault;
  }
  static size_t cut(int fault, size_t size) {
    if (fault == kNothing) return 0;
    return fault == kShort && size > 0 ? 1 : size;
  }
};

}  // namespace eb::test
