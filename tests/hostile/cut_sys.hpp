#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>

#include "loop_disk.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb::test {

/// The syncs that a negative control leaves out.
enum class Omit { kNothing, kFileSyncs, kFolderSyncs, kAllSyncs };

/// Counts what changes the disk, and lets the power go after the operation `cut_after`.
class CutSys final : public ForwardingSys {
 public:
  CutSys(const LoopDisk& disk, size_t cut_after, Omit omit)
      : disk_(disk), cut_after_(cut_after), omit_(omit) {}

  size_t operations() const { return done_; }

  int openat(int dir, const char* path, int flags, mode_t mode) override {
    const int r = ForwardingSys::openat(dir, path, flags, mode);
    return (flags & O_CREAT) != 0 ? counted(r) : r;
  }
  ssize_t write(int fd, const void* buffer, size_t size) override {
    return counted(ForwardingSys::write(fd, buffer, size));
  }
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override {
    return counted(ForwardingSys::pwrite(fd, buffer, size, offset));
  }
  int ftruncate(int fd, off_t size) override { return counted(ForwardingSys::ftruncate(fd, size)); }
  int fchmod(int fd, mode_t mode) override { return counted(ForwardingSys::fchmod(fd, mode)); }
  int fchmodat(int dir, const char* path, mode_t mode) override {
    return counted(ForwardingSys::fchmodat(dir, path, mode));
  }
  int futimens(int fd, const timespec times[2]) override {
    return counted(ForwardingSys::futimens(fd, times));
  }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return counted(ForwardingSys::fallocate(fd, mode, offset, size));
  }
  int clone_file(int to, int from) override { return counted(ForwardingSys::clone_file(to, from)); }
  int fsync(int fd) override {
    struct stat info {};
    const bool is_folder = ::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    const bool left_out =
        omit_ == Omit::kAllSyncs || omit_ == (is_folder ? Omit::kFolderSyncs : Omit::kFileSyncs);
    return counted(left_out ? 0 : ForwardingSys::fsync(fd));
  }
  int syncfs(int fd) override {
    const bool left_out = omit_ == Omit::kFileSyncs || omit_ == Omit::kAllSyncs;
    return counted(left_out ? 0 : ForwardingSys::syncfs(fd));
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return counted(ForwardingSys::mkdirat(dir, path, mode));
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return counted(ForwardingSys::symlinkat(target, dir, path));
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return counted(ForwardingSys::linkat(from_dir, from, to_dir, to));
  }
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override {
    return counted(ForwardingSys::renameat(from_dir, from, to_dir, to));
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return counted(ForwardingSys::unlinkat(dir, path, flags));
  }

 private:
  template <typename Result>
  Result counted(Result result) {
    if (++done_ == cut_after_) disk_.cut_power();
    return result;
  }

  const LoopDisk& disk_;
  size_t cut_after_;
  Omit omit_;
  std::atomic<size_t> done_{0};
};

}  // namespace eb::test
