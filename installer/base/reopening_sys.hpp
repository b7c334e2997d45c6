#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"

namespace eb {

/// Gets over ESTALE (F122): a server that was restarted or moved no longer knows a file by the
/// handle that this machine holds, and knows it by its name. A call that answers so is repeated, at
/// most kTries times; before each, the folders and files that it names by descriptor are opened
/// again as they were opened at first, from the top, and take the old one's place under the same
/// number. Only what is still the same file (device and inode) does; a descriptor of a file that is
/// written is never exchanged, because what was handed to the old one may be lost. Where that does
/// not help the caller gets -ESTALE.
///
/// Keeps a few words for each open descriptor that is read from. Safe for use by many threads.
class ReopeningSys final : public Sys {
 public:
  static constexpr int kTries = 3;

  /// `inner` makes the calls and must outlive this object.
  explicit ReopeningSys(Sys& inner) : inner_(inner) {}

  int openat(int dir, const char* path, int flags, mode_t mode) override;
  int close(int fd) override;
  int dup_onto(int fd, int onto) override;
  ssize_t read(int fd, void* buffer, size_t size) override;
  ssize_t pread(int fd, void* buffer, size_t size, off_t offset) override;
  ssize_t write(int fd, const void* buffer, size_t size) override;
  ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) override;
  int ftruncate(int fd, off_t size) override;
  int fallocate(int fd, int mode, off_t offset, off_t size) override;
  int fchmod(int fd, mode_t mode) override;
  int fchmodat(int dir, const char* path, mode_t mode) override;
  int futimens(int fd, const timespec times[2]) override;
  int clone_file(int to, int from) override;
  int fsync(int fd) override;
  int syncfs(int fd) override;
  int fstat(int fd, struct stat* out) override;
  int fstatat(int dir, const char* path, struct stat* out, int flags) override;
  int fstatfs(int fd, struct statfs* out) override;
  int get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) override;
  int faccessat(int dir, const char* path, int mode) override;
  int mkdirat(int dir, const char* path, mode_t mode) override;
  int symlinkat(const char* target, int dir, const char* path) override;
  int linkat(int from_dir, const char* from, int to_dir, const char* to) override;
  ssize_t readlinkat(int dir, const char* path, char* buffer, size_t size) override;
  int renameat(int from_dir, const char* from, int to_dir, const char* to) override;
  int unlinkat(int dir, const char* path, int flags) override;
  int list(int dir, std::vector<DirEntry>* out) override;

 private:
  /// How a descriptor was opened, and what it was then.
  struct Origin {
    std::shared_ptr<const Origin> dir;  ///< null where `path` needs none
    std::string path;
    int flags = 0;
    bool is_folder = false;
    dev_t device = 0;
    ino_t inode = 0;
  };
  using OriginPtr = std::shared_ptr<const Origin>;

  template <typename Call>
  auto again_if_stale(std::initializer_list<int> fds, Call call) -> decltype(call());
  OriginPtr origin_of(int fd);
  void set_origin(int fd, OriginPtr origin);
  void remember(int fd, int dir, const char* path, int flags);
  void reopen(int fd);
  int open_again(const Origin& origin);

  Sys& inner_;
  std::mutex mutex_;
  std::vector<OriginPtr> origins_;  ///< by number of descriptor
};

}  // namespace eb
