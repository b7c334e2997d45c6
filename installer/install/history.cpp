#include "installer/install/history.hpp"

#include <algorithm>
#include <ctime>
#include <sstream>

#include "installer/base/utc_text.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxLogBytes = 16u << 20;

// TIME (installed|activated|uninstalled|repaired) RELEASE KEY VALUE …
// TIME rolled back to RELEASE KEY VALUE …
std::optional<HistoryEvent> parse_line(const std::string& line) {
  std::istringstream words(line);
  HistoryEvent out;
  std::string time;
  words >> time >> out.what >> out.release;
  const auto seconds = parse_utc_text(time);
  if (!seconds) return std::nullopt;
  out.time = *seconds;
  if (out.what == "rolled") {
    words >> out.release >> out.release;
    out.what = "rolled back";
  } else if (out.what != "installed" && out.what != "activated" && out.what != "uninstalled" &&
             out.what != "repaired") {
    return std::nullopt;
  }
  if (!words) return std::nullopt;
  std::string key;
  std::string value;
  while (words >> key >> value) {
    if (key == "id") out.id = value;
    if (key == "signer") out.signer = value;
    if (key == "from" && value != "none") out.previous = value;
    if (key == "uid") out.uid = parse_number(value);
    if (key == "with") out.exceptions.push_back(value);
  }
  return out;
}

}  // namespace

std::optional<int64_t> parse_utc_text(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::time_t seconds = ::timegm(&parts);
  // strptime() takes "2026-2-3T4:5:6Z" too.
  if (utc_text(seconds) != text) return std::nullopt;
  return seconds;
}

std::vector<HistoryEvent> parse_history(const std::string& log, size_t* skipped) {
  std::vector<HistoryEvent> out;
  if (skipped != nullptr) *skipped = 0;
  for (const std::string& line : lines_of(log)) {
    if (auto event = parse_line(line)) {
      out.push_back(std::move(*event));
    } else if (skipped != nullptr && !trimmed(line).empty()) {
      ++*skipped;
    }
  }
  return out;
}

std::vector<HistoryEvent> read_history(Sys& sys, int prefix, size_t* skipped) {
  const std::string path = std::string(kStateDir) + "/log";
  return parse_history(read_small_file(sys, prefix, path, kMaxLogBytes).value_or(""), skipped);
}

std::map<std::string, ActiveTime> active_times(const std::vector<HistoryEvent>& events) {
  std::map<std::string, ActiveTime> out;
  std::string active;
  size_t number = 0;
  for (const HistoryEvent& event : events) {
    ++number;
    const bool activates =
        event.what == "installed" || event.what == "activated" || event.what == "rolled back";
    if (!activates || event.release == active) continue;
    if (!active.empty()) out[active].until = event.time;
    active = event.release;
    out[active] = {event.time, number, std::nullopt};
  }
  return out;
}

}  // namespace eb
