#include "installer/base/reopening_sys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

namespace eb {

template <typename Call>
auto ReopeningSys::again_if_stale(std::initializer_list<int> fds, Call call) -> decltype(call()) {
  auto result = call();
  for (int left = kTries; result == -ESTALE && left > 0; --left) {
    for (const int fd : fds) reopen(fd);
    result = call();
  }
  return result;
}

ReopeningSys::OriginPtr ReopeningSys::origin_of(int fd) {
  const std::lock_guard lock(mutex_);
  return fd >= 0 && static_cast<size_t>(fd) < origins_.size() ? origins_[static_cast<size_t>(fd)]
                                                              : nullptr;
}

void ReopeningSys::set_origin(int fd, OriginPtr origin) {
  const std::lock_guard lock(mutex_);
  const auto at = static_cast<size_t>(fd);
  if (at >= origins_.size()) {
    if (!origin) return;
    origins_.resize(at + 1);
  }
  origins_[at].swap(origin);
}

void ReopeningSys::remember(int fd, int dir, const char* path, int flags) {
  OriginPtr made;
  const bool is_read = (flags & O_ACCMODE) == O_RDONLY && (flags & (O_CREAT | O_TRUNC)) == 0;
  struct stat info {};
  if (is_read && inner_.fstat(fd, &info) == 0 && (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode))) {
    const bool needs_dir = dir != AT_FDCWD && path[0] != '/';
    OriginPtr above = needs_dir ? origin_of(dir) : nullptr;
    if (!needs_dir || above) {
      try {
        made = std::make_shared<const Origin>(
            Origin{std::move(above), path, flags, S_ISDIR(info.st_mode), info.st_dev, info.st_ino});
      } catch (const std::bad_alloc&) {
        // This descriptor is not opened again then.
      }
    }
  }
  try {
    set_origin(fd, std::move(made));
  } catch (const std::bad_alloc&) {
    // As above: nothing is known of a number that the table has no room for.
  }
}

// A descriptor of the same file or folder, or -1.
int ReopeningSys::open_again(const Origin& origin) {
  const int dir = origin.dir ? open_again(*origin.dir) : AT_FDCWD;
  if (origin.dir && dir < 0) return -1;
  const int fd = inner_.openat(dir, origin.path.c_str(), origin.flags | O_CLOEXEC, 0);
  if (origin.dir) inner_.close(dir);
  if (fd < 0) return -1;
  struct stat info {};
  const bool is_same =
      inner_.fstat(fd, &info) == 0 && info.st_dev == origin.device && info.st_ino == origin.inode;
  if (is_same) return fd;
  inner_.close(fd);
  return -1;
}

void ReopeningSys::reopen(int fd) {
  const OriginPtr origin = origin_of(fd);
  if (!origin) return;
  const int fresh = open_again(*origin);
  if (fresh < 0) return;
  // Where it was read to; fails for what has no position, which then needs none.
  if (const off_t at = ::lseek(fd, 0, SEEK_CUR); at > 0) ::lseek(fresh, at, SEEK_SET);
  inner_.dup_onto(fresh, fd);
  inner_.close(fresh);
}

int ReopeningSys::openat(int dir, const char* path, int flags, mode_t mode) {
  const int fd = again_if_stale({dir}, [&] { return inner_.openat(dir, path, flags, mode); });
  if (fd >= 0) remember(fd, dir, path, flags);
  return fd;
}

int ReopeningSys::close(int fd) {
  if (fd >= 0) set_origin(fd, nullptr);  // before: afterwards the number may be another thread's
  return inner_.close(fd);
}

int ReopeningSys::dup_onto(int fd, int onto) {
  const int r = inner_.dup_onto(fd, onto);
  if (r >= 0) set_origin(onto, origin_of(fd));
  return r;
}

ssize_t ReopeningSys::read(int fd, void* buffer, size_t size) {
  return again_if_stale({fd}, [&] { return inner_.read(fd, buffer, size); });
}
ssize_t ReopeningSys::pread(int fd, void* buffer, size_t size, off_t offset) {
  return again_if_stale({fd}, [&] { return inner_.pread(fd, buffer, size, offset); });
}
int ReopeningSys::fchmod(int fd, mode_t mode) {
  return again_if_stale({fd}, [&] { return inner_.fchmod(fd, mode); });
}
int ReopeningSys::fchmodat(int dir, const char* path, mode_t mode) {
  return again_if_stale({dir}, [&] { return inner_.fchmodat(dir, path, mode); });
}
int ReopeningSys::fstat(int fd, struct stat* out) {
  return again_if_stale({fd}, [&] { return inner_.fstat(fd, out); });
}
int ReopeningSys::fstatat(int dir, const char* path, struct stat* out, int flags) {
  return again_if_stale({dir}, [&] { return inner_.fstatat(dir, path, out, flags); });
}
int ReopeningSys::fstatfs(int fd, struct statfs* out) {
  return again_if_stale({fd}, [&] { return inner_.fstatfs(fd, out); });
}
int ReopeningSys::get_quota(int fd, QuotaKind kind, uint32_t id, struct dqblk* out) {
  return again_if_stale({fd}, [&] { return inner_.get_quota(fd, kind, id, out); });
}
int ReopeningSys::faccessat(int dir, const char* path, int mode) {
  return again_if_stale({dir}, [&] { return inner_.faccessat(dir, path, mode); });
}
int ReopeningSys::mkdirat(int dir, const char* path, mode_t mode) {
  return again_if_stale({dir}, [&] { return inner_.mkdirat(dir, path, mode); });
}
int ReopeningSys::symlinkat(const char* target, int dir, const char* path) {
  return again_if_stale({dir}, [&] { return inner_.symlinkat(target, dir, path); });
}
int ReopeningSys::linkat(int from_dir, const char* from, int to_dir, const char* to) {
  return again_if_stale({from_dir, to_dir},
                        [&] { return inner_.linkat(from_dir, from, to_dir, to); });
}
ssize_t ReopeningSys::readlinkat(int dir, const char* path, char* buffer, size_t size) {
  return again_if_stale({dir}, [&] { return inner_.readlinkat(dir, path, buffer, size); });
}
int ReopeningSys::renameat(int from_dir, const char* from, int to_dir, const char* to) {
  return again_if_stale({from_dir, to_dir},
                        [&] { return inner_.renameat(from_dir, from, to_dir, to); });
}
int ReopeningSys::unlinkat(int dir, const char* path, int flags) {
  return again_if_stale({dir}, [&] { return inner_.unlinkat(dir, path, flags); });
}
int ReopeningSys::list(int dir, std::vector<DirEntry>* out) {
  const size_t before = out->size();
  return again_if_stale({dir}, [&] {
    out->resize(before);
    return inner_.list(dir, out);
  });
}

// Of what is written, or made durable: a second try would say of the new handle what is true of the
// old one no longer (F118).
ssize_t ReopeningSys::write(int fd, const void* buffer, size_t size) {
  return inner_.write(fd, buffer, size);
}
ssize_t ReopeningSys::pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  return inner_.pwrite(fd, buffer, size, offset);
}
int ReopeningSys::ftruncate(int fd, off_t size) { return inner_.ftruncate(fd, size); }
int ReopeningSys::fallocate(int fd, int mode, off_t offset, off_t size) {
  return inner_.fallocate(fd, mode, offset, size);
}
int ReopeningSys::futimens(int fd, const timespec times[2]) { return inner_.futimens(fd, times); }
int ReopeningSys::clone_file(int to, int from) { return inner_.clone_file(to, from); }
int ReopeningSys::fsync(int fd) {
  const OriginPtr origin = origin_of(fd);
  if (!origin || !origin->is_folder) return inner_.fsync(fd);
  // What is done in a folder, a server has done when it answers.
  return again_if_stale({fd}, [&] { return inner_.fsync(fd); });
}
int ReopeningSys::syncfs(int fd) { return inner_.syncfs(fd); }

}  // namespace eb
