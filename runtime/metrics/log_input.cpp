#include "runtime/metrics/log_input.hpp"

#include <unistd.h>

#include <cerrno>

namespace eb::metrics {

void copy_lines(int fd, const std::string& source, JsonLog& log) {
  std::string pending;
  const auto tell = [&](std::string text) {
    if (text.ends_with('\r')) text.pop_back();
    log.info("line", {{"source", source}, {"text", std::move(text)}});
  };
  char buffer[16384];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (const char c : std::string_view(buffer, static_cast<size_t>(got))) {
      if (c == '\n' || pending.size() == kMaxLineBytes) {
        tell(std::move(pending));
        pending.clear();
      }
      if (c != '\n') pending += c;
    }
  }
  if (!pending.empty()) tell(std::move(pending));
}

}  // namespace eb::metrics
