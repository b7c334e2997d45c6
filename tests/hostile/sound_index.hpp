#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/format/raw_index.hpp"

namespace eb::test {

// The sections of a sound index, for tests to spoil.

inline std::vector<std::pair<std::string, std::string>> good_meta() {
  return {{"epoch", "1700000000"}, {"name", "sample"}, {"platform", "linux-x86_64"}};
}
inline std::vector<RawEntry> good_entries() {
  return {{.type = 1, .path = "bin"},
          {.type = 2, .flags = 1, .path = "bin/tool", .size_bytes = 10},
          {.type = 3, .path = "tool", .target = "bin/tool"}};
}
// Files where the tar stream puts them, one frame over all, as long as it takes.
inline std::vector<RawSection> laid_out(
    std::vector<RawEntry> entries,
    const std::vector<std::pair<std::string, std::string>>& meta = good_meta()) {
  uint64_t at = 0;
  for (const RawEntry& entry : entries) at += entry.type == 1 ? 512 : 0;
  for (RawEntry& entry : entries) {
    if (entry.type != 2) continue;
    if (entry.offset == 0) entry.offset = at;
    at += 512 + (entry.size_bytes + 511) / 512 * 512;
  }
  for (const RawEntry& entry : entries) at += entry.type == 3 ? 512 : 0;
  return {{"meta", 1, raw_meta(meta)},
          {"frames", 1, raw_frames({{20, at + 1024}})},
          {"entries", 1, raw_entries(entries)}};
}

}  // namespace eb::test
