#include "bundler/lock/snapshot.hpp"

#include <time.h>  // NOLINT(modernize-deprecated-headers): timegm

#include <algorithm>
#include <cstdio>
#include <string>

namespace eb {
namespace {

constexpr int64_t kDay = int64_t{24} * 60 * 60;

std::optional<int64_t> seconds_of(tm fields) {
  // Nothing that is packed is older than Unix; strptime takes "25" for the year 25.
  if (fields.tm_year < 1970 - 1900) return std::nullopt;
  const tm wanted = fields;
  const time_t out = timegm(&fields);
  // timegm turns 31 April into 1 May; such a text is no time.
  if (fields.tm_mday != wanted.tm_mday || fields.tm_hour != wanted.tm_hour ||
      fields.tm_min != wanted.tm_min || fields.tm_sec != wanted.tm_sec) {
    return std::nullopt;
  }
  return out;
}

std::optional<int64_t> scan(std::string_view text, const char* format, size_t size) {
  tm fields{};
  const std::string copy(text.substr(0, size));
  const char* end = strptime(copy.c_str(), format, &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return seconds_of(fields);
}

}  // namespace

std::optional<int64_t> parse_timestamp(std::string_view text) {
  constexpr size_t kSize = std::string_view("20260905T094512Z").size();
  if (text.size() != kSize) return std::nullopt;
  return scan(text, "%Y%m%dT%H%M%SZ", kSize);
}

std::string format_timestamp(int64_t seconds) {
  const time_t time = seconds;
  tm fields{};
  gmtime_r(&time, &fields);
  char buffer[32];
  const size_t size = strftime(buffer, sizeof buffer, "%Y%m%dT%H%M%SZ", &fields);
  return {buffer, size};
}

std::optional<int64_t> parse_release_date(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  for (const std::string_view zone : {" UTC", " GMT", " +0000", " Z"}) {
    if (!text.ends_with(zone)) continue;
    text.remove_suffix(zone.size());
    return scan(text, "%a, %d %b %Y %H:%M:%S", text.size());
  }
  return std::nullopt;
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  constexpr size_t kSize = std::string_view("2026-09-18T17:50:41").size();
  if (text.size() <= kSize) return std::nullopt;
  const bool utc = text.back() == 'Z' || text.back() == 'z' || text.ends_with("+00:00");
  if (!utc) return std::nullopt;
  std::string copy(text.substr(0, kSize));
  std::replace(copy.begin(), copy.end(), ' ', 'T');
  return scan(copy, "%Y-%m-%dT%H:%M:%S", kSize);
}

std::vector<std::string> snapshot_roots(const std::string& archive, const std::string& timestamp) {
  const auto root = [&](const std::string& time) {
    return "https://snapshot.debian.org/archive/" + archive + "/" + time + "/";
  };
  const auto seconds = parse_timestamp(timestamp);
  if (!seconds) return {root(timestamp)};
  return {root(format_timestamp(*seconds + kDay)), root(timestamp)};
}

}  // namespace eb
