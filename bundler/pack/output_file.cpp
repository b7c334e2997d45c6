#include "bundler/pack/output_file.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kCopySize = 8u << 20;

// The lock says that the writer lives; a name that lost its lock is a dead writer's. After the lock
// is had, the name must still be that of the open file: its owner may have renamed it meanwhile.
Fd open_locked(const std::filesystem::path& temporary, mode_t mode, const std::string& where) {
  while (true) {
    Fd fd = open_at(real_sys(), AT_FDCWD, temporary.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, mode,
                    where);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw Error(ExitCode::kBusy, "another process is writing this file")
          .where(where)
          .hint("wait until it has ended, or choose another output file");
    }
    struct stat opened {};
    struct stat named {};
    if (::fstat(fd.get(), &opened) == 0 && ::lstat(temporary.c_str(), &named) == 0 &&
        opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
      if (::ftruncate(fd.get(), 0) != 0) {
        throw system_error(errno, "cannot write", where);
      }
      return fd;
    }
  }
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, mode_t mode)
    : path_(std::move(path)),
      temporary_(path_.parent_path() / ("." + path_.filename().string() + ".partial")),
      fd_(open_locked(temporary_, mode, path_.string())),
      registration_(std::make_unique<Temporary>(temporary_)) {
  if (std::filesystem::is_directory(path_)) {
    ::unlink(temporary_.c_str());
    throw Error(ExitCode::kUsage, "the output is a folder")
        .where(path_.string())
        .hint("name a file, for instance " + (path_ / "environment.bundle.zst").string());
  }
}

OutputFile::~OutputFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void OutputFile::write(Bytes data, uint64_t offset) {
  pwrite_all(real_sys(), fd(), data, offset, where());
}

void OutputFile::copy_from(int source, const std::string& source_where, uint64_t from,
                           uint64_t size_bytes, uint64_t to) {
  std::vector<std::byte> buffer;
  while (size_bytes > 0) {
    if (buffer.empty()) {
      auto from_offset = static_cast<off_t>(from);
      auto to_offset = static_cast<off_t>(to);
      const ssize_t copied =
          ::copy_file_range(source, &from_offset, fd(), &to_offset, size_bytes, 0);
      if (copied > 0) {
        from += static_cast<uint64_t>(copied);
        to += static_cast<uint64_t>(copied);
        size_bytes -= static_cast<uint64_t>(copied);
        continue;
      }
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0 && (errno == ENOSPC || errno == EDQUOT)) {
        throw system_error(errno, "cannot write", where());
      }
      // Anything else (other file system, old kernel, a short source) is read() and write()'s to
      // settle.
      buffer.resize(kCopySize);
    }
    const auto part = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size_bytes));
    if (pread_up_to(real_sys(), source, buffer.data(), part, from, source_where) != part) {
      throw Error(ExitCode::kMalformed, "the file ends too early").where(source_where);
    }
    write(Bytes(buffer).first(part), to);
    from += part;
    to += part;
    size_bytes -= part;
  }
}

void OutputFile::move_tail(uint64_t from, uint64_t size_bytes, uint64_t to) {
  if (from == to) return;
  std::vector<std::byte> buffer(
      static_cast<size_t>(std::clamp<uint64_t>(size_bytes, 1, kCopySize)));
  for (uint64_t done = 0; done < size_bytes;) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size_bytes - done));
    // Upwards begins at the end, so that nothing is overwritten before it was read.
    const uint64_t at = to > from ? size_bytes - done - part : done;
    if (pread_up_to(real_sys(), fd(), buffer.data(), part, from + at, where()) != part) {
      throw Error(ExitCode::kIo, "a file being written is shorter than expected").where(where());
    }
    write(Bytes(buffer).first(part), to + at);
    done += part;
  }
  if (to < from && ::ftruncate(fd(), static_cast<off_t>(to + size_bytes)) != 0) {
    throw system_error(errno, "cannot truncate", where());
  }
}

// A rename over NFS whose reply was lost answers ENOENT, and was done.
bool OutputFile::is_in_place() const {
  struct stat written {};
  struct stat there {};
  return real_sys().fstat(fd(), &written) == 0 &&
         real_sys().fstatat(AT_FDCWD, path_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_dev == written.st_dev && there.st_ino == written.st_ino;
}

void OutputFile::commit() {
  if (const int r = real_sys().fsync(fd()); r < 0) throw system_error(-r, "cannot sync", where());
  if (const int r = real_sys().renameat(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str());
      r < 0 && !is_in_place()) {
    throw system_error(-r, "cannot rename into place", where());
  }
  committed_ = true;
  close_written(real_sys(), std::move(fd_), where());
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  const Fd dir =
      open_at(real_sys(), AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY, 0, folder.string());
  // Some file systems know no sync of a folder.
  if (const int r = real_sys().fsync(dir.get()); r < 0 && r != -EINVAL && r != -EOPNOTSUPP) {
    throw system_error(-r, "cannot sync the folder", folder.string());
  }
}

}  // namespace eb
