#include "runtime/metrics/written_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "installer/base/error.hpp"

namespace eb::metrics {

WrittenFile::~WrittenFile() {
  if (is_there_) unlink(path_.c_str());
}

void WrittenFile::write(const std::string& text) {
  const size_t slash = path_.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::string temporary =
      path_.substr(0, name) + '.' + path_.substr(name) + '.' + std::to_string(getpid());
  const auto fail = [&](const char* what) {
    const int code = errno;
    unlink(temporary.c_str());
    throw system_error(code, what, path_);
  };
  // What lies there under our name was left by a process with our number.
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) fail("cannot create the file of metrics");
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t step = ::write(fd, text.data() + done, text.size() - done);
    if (step <= 0) {
      const int code = errno;
      close(fd);
      errno = code;
      fail("cannot write the file of metrics");
    }
    done += static_cast<size_t>(step);
  }
  // Network file systems say here that there was no room.
  if (close(fd) != 0) fail("cannot write the file of metrics");
  if (std::rename(temporary.c_str(), path_.c_str()) != 0)
    fail("cannot replace the file of metrics");
  is_there_ = true;
}

}  // namespace eb::metrics
