#include "runtime/metrics/bounded_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace eb::metrics {
namespace {

struct Fd {
  explicit Fd(int number) : number(number) {}
  ~Fd() {
    if (number >= 0) close(number);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int number;
};

/// False when reading fails. Reads at most `limit` bytes.
bool read_all(int fd, size_t limit, std::string* out) {
  out->clear();
  while (out->size() < limit) {
    const size_t before = out->size();
    out->resize(std::min(limit, before + 16384));
    const ssize_t got = read(fd, out->data() + before, out->size() - before);
    out->resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) return got == 0;
  }
  return true;
}

}  // namespace

std::optional<std::string> read_text(const std::string& path, size_t limit) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string out;
  if (file.number < 0 || !read_all(file.number, limit, &out)) return {};
  return out;
}

StrangeFile read_strange_file(int folder_fd, const std::string& name, unsigned owner,
                              size_t limit) {
  StrangeFile out;
  const Fd file(
      openat(folder_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  struct stat status {};
  if (file.number < 0 || fstat(file.number, &status) != 0) {
    out.problem = file.number < 0 && errno == ELOOP ? "not_a_file" : "unreadable";
    return out;
  }
  const auto is_too_big = [&] {
    return static_cast<size_t>(status.st_size) > limit || out.content.size() > limit;
  };
  if (!S_ISREG(status.st_mode)) {
    out.problem = "not_a_file";
  } else if (status.st_uid != owner) {
    out.problem = "foreign_owner";
  } else if (!is_too_big() && !read_all(file.number, limit + 1, &out.content)) {
    out.problem = "unreadable";
  } else if (is_too_big()) {  // before it was read, or it grew
    out.problem = "too_big";
  }
  out.modified = static_cast<double>(status.st_mtim.tv_sec) +
                 static_cast<double>(status.st_mtim.tv_nsec) * 1e-9;
  return out;
}

std::optional<double> leading_number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  double out = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ec != std::errc()) return {};
  return out;
}

}  // namespace eb::metrics
