#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// YYYYMMDDThhmmssZ, as snapshot.debian.org and the lock write a time; nullopt when it is not one.
std::optional<int64_t> parse_timestamp(std::string_view text);
std::string format_timestamp(int64_t seconds);

/// Seconds since 1970 of a Release file's `Date:` (RFC 5322, always UTC); nullopt otherwise.
std::optional<int64_t> parse_release_date(std::string_view text);
/// The same of an RFC 3339 time such as 2026-09-18T17:50:41.123Z.
std::optional<int64_t> parse_rfc3339(std::string_view text);

/// Roots of `archive` on snapshot.debian.org that hold what the archive held at `timestamp`, in the
/// order to try. A snapshot is taken some hours after the archive's own date, and a superseded file
/// stays in the pool for more than a day, so a day later comes first.
std::vector<std::string> snapshot_roots(const std::string& archive, const std::string& timestamp);

}  // namespace eb
