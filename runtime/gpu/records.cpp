#include "runtime/gpu/records.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace eb::gpu {

void Records::write(std::initializer_list<std::string_view> fields) const {
  std::string line;
  for (const std::string_view field : fields) {
    if (!line.empty()) line += '\t';
    for (const char byte : field) {
      const auto value = static_cast<unsigned char>(byte);
      line += value < 0x20 || value == 0x7f ? '?' : byte;
    }
  }
  line += '\n';
  const char* rest = line.data();
  size_t left = line.size();
  while (left > 0) {
    const ssize_t written = ::write(fd_, rest, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // nobody can hear more
    rest += written;
    left -= static_cast<size_t>(written);
  }
}

void Records::step(std::string_view name, int limit_seconds) const {
  write({"step", name, std::to_string(limit_seconds)});
}

void Records::figure(std::string_view key, std::string_view value, std::string_view unit) const {
  write({"figure", key, value, unit});
}

void Records::note(std::string_view text) const { write({"note", text}); }

void Records::ok(double seconds) const { write({"ok", decimal(seconds, 3)}); }

void Records::skip(std::string_view reason) const { write({"skip", reason}); }

void Records::fail(std::string_view api, int code, std::string_view text) const {
  write({"fail", api, std::to_string(code), text});
}

std::string decimal(double value, int digits) {
  char text[400];  // the largest double has 309 digits before its point
  const int size = std::snprintf(text, sizeof text, "%.*f", digits, value);
  return {text, static_cast<size_t>(size)};
}

std::string scientific(double value) {
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%.2e", value);
  return {text, static_cast<size_t>(size)};
}

}  // namespace eb::gpu
