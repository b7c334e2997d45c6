#include "installer/install/floor.hpp"

#include <fcntl.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/format/index.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr char kFloorFile[] = "floor";
constexpr std::string_view kFirstLine = "envinstall floor 1";

// "newest SECONDS" and "counter NAME NUMBER" lines. False when it is something else.
bool parse_floor(const std::string& text, Floor* out) {
  const std::vector<std::string> lines = lines_of(text);
  if (lines.empty() || lines[0] != kFirstLine) return false;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const size_t last = line.rfind(' ');
    if (last == std::string::npos) return false;
    const auto number = parse_number(line.substr(last + 1));
    if (!number || *number > kMaxCounter) return false;
    const std::string key = line.substr(0, last);
    if (key == "newest") {
      out->newest = std::max(out->newest, static_cast<int64_t>(*number));
    } else if (key.starts_with("counter ")) {
      uint64_t& counter = out->counters[key.substr(8)];
      counter = std::max(counter, *number);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

Floor read_floor(Sys& sys, int prefix, const std::vector<std::string>& releases) {
  Floor out;
  const std::string file = std::string(kStateDir) + "/" + kFloorFile;
  if (const auto text = read_small_file(sys, prefix, file, 1u << 20)) {
    out.damaged = !parse_floor(*text, &out);
  }
  for (const std::string& release : releases) {
    const auto receipt = read_receipt(sys, prefix, std::string(kReleasesDir) + "/" + release);
    if (!receipt) continue;
    if (!receipt->name.empty() && receipt->counter <= kMaxCounter) {
      uint64_t& counter = out.counters[receipt->name];
      counter = std::max(counter, receipt->counter);
    }
    out.newest = std::max({out.newest, receipt->epoch, receipt->installed});
  }
  return out;
}

int64_t remembered_time(Sys& sys, const std::string& path) noexcept {
  try {
    const PrefixView view = open_prefix(sys, path);
    return read_floor(sys, view.dir.get(), view.releases).newest;
  } catch (const std::exception&) {
    return 0;  // who installs there is told why it is no prefix
  }
}

void write_floor(Sys& sys, int state, const Floor& floor, const std::string& where) {
  std::string text(kFirstLine);
  text += "\nnewest " + std::to_string(std::max<int64_t>(floor.newest, 0)) + "\n";
  for (const auto& [name, counter] : floor.counters) {
    text += "counter " + name + " " + std::to_string(counter) + "\n";
  }
  const std::string temporary = std::string(".floor.") + random_name();
  replace_file_at(sys, state, kFloorFile, temporary.c_str(), as_bytes(text), 0644, where);
}

void append_log(Sys& sys, int state, int64_t now, const std::string& text) noexcept {
  try {
    const Fd log =
        open_at(sys, state, "log", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0644, "log");
    // One write: lines of two processes do not mix.
    write_all(sys, log.get(), as_bytes(utc_text(now) + " " + printable(text) + "\n"), "log");
  } catch (const std::exception&) {
    // The log is a courtesy.
  }
}

}  // namespace eb
