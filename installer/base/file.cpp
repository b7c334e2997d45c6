#include "installer/base/file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// Repeats a call that a signal interrupted; everything else is the caller's to judge.
template <typename Call>
auto retry_interrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result != -EINTR) return result;
  }
}

int error_of(ssize_t result) { return static_cast<int>(-result); }

}  // namespace

Fd open_at(Sys& sys, int dir, const char* path, int flags, mode_t mode, const std::string& where) {
  const int fd = retry_interrupted([&] { return sys.openat(dir, path, flags | O_CLOEXEC, mode); });
  if (fd < 0) throw system_error(-fd, "cannot open", where);
  return {sys, fd};
}

Fd open_dir_at(Sys& sys, int dir, const char* path, const std::string& where) {
  return open_at(sys, dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, where);
}

Fd create_at(Sys& sys, int dir, const char* path, mode_t mode, const std::string& where) {
  const int fd = retry_interrupted([&] {
    return sys.openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  });
  if (fd < 0) throw system_error(-fd, "cannot create", where);
  return {sys, fd};
}

size_t read_up_to(Sys& sys, int fd, void* buffer, size_t size, const std::string& where) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = retry_interrupted(
        [&] { return sys.read(fd, static_cast<char*>(buffer) + done, size - done); });
    if (got < 0) throw system_error(error_of(got), "cannot read", where);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

size_t pread_up_to(Sys& sys, int fd, void* buffer, size_t size, uint64_t offset,
                   const std::string& where) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = retry_interrupted([&] {
      return sys.pread(fd, static_cast<char*>(buffer) + done, size - done,
                       static_cast<off_t>(offset + done));
    });
    if (got < 0) throw system_error(error_of(got), "cannot read", where);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

void write_all(Sys& sys, int fd, Bytes data, const std::string& where) {
  while (!data.empty()) {
    const ssize_t put = retry_interrupted([&] { return sys.write(fd, data.data(), data.size()); });
    if (put < 0) throw system_error(error_of(put), "cannot write", where);
    if (put == 0) throw system_error(EIO, "cannot write", where);
    data = data.subspan(static_cast<size_t>(put));
  }
}

void pwrite_all(Sys& sys, int fd, Bytes data, uint64_t offset, const std::string& where) {
  while (!data.empty()) {
    const ssize_t put = retry_interrupted(
        [&] { return sys.pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)); });
    if (put < 0) throw system_error(error_of(put), "cannot write", where);
    if (put == 0) throw system_error(EIO, "cannot write", where);
    data = data.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
}

void close_written(Sys& sys, Fd fd, const std::string& where) {
  // Linux frees the descriptor whatever close() answers, so EINTR is not repeated (close(2)).
  const int result = sys.close(fd.release());
  if (result < 0 && result != -EINTR) throw system_error(-result, "cannot close", where);
}

static std::vector<std::byte> read_file_once(Sys& sys, int dir, const char* path, size_t max_bytes,
                                             const std::string& where) {
  // O_NONBLOCK: a FIFO in the file's place must not hang the program.
  const Fd fd = open_at(sys, dir, path, O_RDONLY | O_NONBLOCK, 0, where);
  struct stat info {};
  const int result = sys.fstat(fd.get(), &info);
  if (result < 0) throw system_error(-result, "cannot look at", where);
  if (!S_ISREG(info.st_mode)) {
    throw Error(ExitCode::kIo, "not a regular file").where(where);
  }
  if (static_cast<uint64_t>(info.st_size) > max_bytes) {
    throw Error(ExitCode::kIo, "file too large")
        .where(where)
        .why(std::to_string(info.st_size) + " bytes; at most " + std::to_string(max_bytes) +
             " make sense here");
  }
  // Read to the end, not to the stated size: files of /proc state 0, and a file may grow meanwhile.
  std::vector<std::byte> data(static_cast<size_t>(info.st_size) + 1);
  size_t got = 0;
  while (true) {
    got += read_up_to(sys, fd.get(), data.data() + got, data.size() - got, where);
    if (got > max_bytes) throw Error(ExitCode::kIo, "file too large").where(where);
    if (got < data.size()) break;
    data.resize(std::min(std::max<size_t>(2 * data.size(), 4096), max_bytes + 1));
  }
  data.resize(got);
  return data;
}

std::vector<std::byte> read_file_at(Sys& sys, int dir, const char* path, size_t max_bytes,
                                    const std::string& where) {
  return again_if_exchanged([&] { return read_file_once(sys, dir, path, max_bytes, where); });
}

std::string read_link_at(Sys& sys, int dir, const char* path, const std::string& where) {
  std::string target(4096, '\0');
  const ssize_t got = sys.readlinkat(dir, path, target.data(), target.size());
  if (got < 0) throw system_error(error_of(got), "cannot read the link", where);
  target.resize(static_cast<size_t>(got));
  return target;
}

// Whether a rename that failed was done all the same: NFS sends a request again whose reply was
// lost, and then there is nothing to rename any more (FAULTS §6).
static bool is_same_file(Sys& sys, int dir, const char* path, const struct stat& written) {
  struct stat there {};
  return sys.fstatat(dir, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_dev == written.st_dev && there.st_ino == written.st_ino;
}

int rename_at(Sys& sys, int from_dir, const char* from, int to_dir, const char* to) {
  struct stat before {};
  const int known = sys.fstatat(from_dir, from, &before, AT_SYMLINK_NOFOLLOW);
  const int r = retry_interrupted([&] { return sys.renameat(from_dir, from, to_dir, to); });
  return r < 0 && known == 0 && is_same_file(sys, to_dir, to, before) ? 0 : r;
}

void replace_file_at(Sys& sys, int dir, const char* path, const char* temporary, Bytes data,
                     mode_t mode, const std::string& where) {
  replace_file_at(sys, dir, path, dir, temporary, data, mode, where);
}

void replace_file_at(Sys& sys, int dir, const char* path, int temporary_dir, const char* temporary,
                     Bytes data, mode_t mode, const std::string& where) {
  sys.unlinkat(temporary_dir, temporary, 0);
  try {
    Fd fd = create_at(sys, temporary_dir, temporary, mode, where);
    write_all(sys, fd.get(), data, where);
    // The umask took bits from the mode that create was given.
    if (const int r = sys.fchmod(fd.get(), mode); r < 0) {
      throw system_error(-r, "cannot set the mode", where);
    }
    if (const int r = sys.fsync(fd.get()); r < 0) throw system_error(-r, "cannot sync", where);
    struct stat written {};
    if (const int r = sys.fstat(fd.get(), &written); r < 0) {
      throw system_error(-r, "cannot look at the file", where);
    }
    close_written(sys, std::move(fd), where);
    if (const int r = sys.renameat(temporary_dir, temporary, dir, path);
        r < 0 && !is_same_file(sys, dir, path, written)) {
      throw system_error(-r, "cannot rename into place", where);
    }
  } catch (...) {
    sys.unlinkat(temporary_dir, temporary, 0);
    throw;
  }
  const int r = sys.fsync(dir);
  const bool is_unknown = r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS;
  if (r < 0 && !is_unknown) throw system_error(-r, "cannot sync the directory", where);
}

}  // namespace eb
