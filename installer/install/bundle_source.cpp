#include "installer/install/bundle_source.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr int kPollMilliseconds = 200;

// A system's error on the bundle's medium: which bytes, and what a person can do.
Error read_error(Error error, const BundleSource& source, uint64_t offset, uint64_t size) {
  error.where(range_text(source, offset, size));
  error.hint("the medium may be damaged: copy the bundle again, from another source if there is");
  return error;
}

class FileSource final : public BundleSource {
 public:
  FileSource(Sys& sys, Fd fd, std::string name, uint64_t size)
      : BundleSource(std::move(name)), sys_(sys), fd_(std::move(fd)), size_(size) {}

  std::optional<uint64_t> size_bytes() const override { return size_; }
  bool is_stream() const override { return false; }
  size_t read_at(uint64_t offset, std::span<std::byte> out) override {
    try {
      return pread_up_to(sys_, fd_.get(), out.data(), out.size(), offset, name());
    } catch (Error& error) {
      throw read_error(std::move(error), *this, offset, out.size());
    }
  }

 private:
  Sys& sys_;
  Fd fd_;
  uint64_t size_;
};

class StreamSource final : public BundleSource {
 public:
  StreamSource(Sys& sys, int fd, const StopFlag& stop)
      : BundleSource("standard input"), sys_(sys), fd_(fd), stop_(stop) {}

  std::optional<uint64_t> size_bytes() const override { return std::nullopt; }
  bool is_stream() const override { return true; }
  size_t read_at(uint64_t offset, std::span<std::byte> out) override {
    if (offset != at_) throw Error(ExitCode::kInternal, "a stream cannot be read out of order");
    size_t done = 0;
    while (done < out.size()) {
      wait();
      const ssize_t got = sys_.read(fd_, out.data() + done, out.size() - done);
      if (got == -EINTR || got == -EAGAIN) continue;
      if (got < 0) {
        throw read_error(system_error(static_cast<int>(-got), "cannot read the bundle", name()),
                         *this, at_, out.size() - done);
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
      at_ += static_cast<uint64_t>(got);
    }
    return done;
  }

 private:
  // A read() that blocks would not see a stop request: a signal may reach another thread.
  void wait() const {
    while (true) {
      stop_.check();
      pollfd poll_for{fd_, POLLIN, 0};
      const int ready = ::poll(&poll_for, 1, kPollMilliseconds);
      if (ready > 0 || (ready < 0 && errno != EINTR)) return;
    }
  }

  Sys& sys_;
  int fd_;
  const StopFlag& stop_;
  uint64_t at_ = 0;
};

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

std::unique_ptr<BundleSource> open_bundle_file(Sys& sys, const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  int fd = 0;
  do {
    fd = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  } while (fd == -EINTR);
  if (fd == -ENOENT || fd == -ENOTDIR) {
    throw Error(ExitCode::kUsage, "there is no such bundle")
        .where(path)
        .why("no such file")
        .hint("check the path; a bundle's name usually ends in .bundle.zst");
  }
  if (fd < 0) {
    throw system_error(-fd, "cannot open the bundle", path)
        .hint("check that you may read the file: ls -l " + path);
  }
  Fd file(sys, fd);
  struct stat info {};
  if (const int r = sys.fstat(file.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at the bundle", path).hint("copy the bundle again");
  }
  if (!S_ISREG(info.st_mode)) {
    throw Error(ExitCode::kUsage, "a bundle is a regular file")
        .where(path)
        .why(std::string("this is ") + kind_of(info.st_mode))
        .hint("to install from a pipe, give - as the bundle: envinstall - --prefix DIR < FILE");
  }
  return std::make_unique<FileSource>(sys, std::move(file), path,
                                      static_cast<uint64_t>(info.st_size));
}

std::unique_ptr<BundleSource> open_bundle_stream(Sys& sys, int fd, const StopFlag& stop) {
  return std::make_unique<StreamSource>(sys, fd, stop);
}

std::string range_text(const BundleSource& source, uint64_t offset, uint64_t size) {
  return source.name() + ", bytes " + std::to_string(offset) + "-" +
         std::to_string(offset + (size == 0 ? 0 : size - 1));
}

}  // namespace eb
