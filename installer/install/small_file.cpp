#include "installer/install/small_file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {

std::optional<std::string> read_small_file(Sys& sys, int dir, const std::string& path,
                                           size_t max_bytes) {
  try {
    return again_if_exchanged([&] {
      const Fd fd = open_at(sys, dir, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path);
      std::string out(max_bytes, '\0');
      out.resize(read_up_to(sys, fd.get(), out.data(), out.size(), path));
      return out;
    });
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string trimmed(std::string text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string random_name() {
  std::byte bytes[8];
  ssize_t got = 0;
  do {
    got = ::getrandom(bytes, sizeof bytes, 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof bytes) throw system_error(errno, "no random numbers", "getrandom");
  return to_hex(bytes);
}

void remove_if_forgotten(Sys& sys, int dir, const std::string& path, int64_t now) noexcept {
  constexpr int64_t kForgottenSeconds = 3600;
  struct stat info {};
  if (sys.fstatat(dir, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      info.st_mtime < now - kForgottenSeconds) {
    sys.unlinkat(dir, path.c_str(), 0);
  }
}

std::optional<uint64_t> parse_number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace eb
