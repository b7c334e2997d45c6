#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "installer/format/index.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb::test {

/// Builds an Index whose layout fits its entries.
class IndexBuilder {
 public:
  IndexBuilder& dir(const std::string& path) {
    return add({.path = RelPath(path), .type = EntryType::kDirectory, .digest = {}, .target = {}});
  }
  IndexBuilder& file(const std::string& path, const std::string& content = "",
                     bool executable = false) {
    return add({.path = RelPath(path),
                .executable = executable,
                .size_bytes = content.size(),
                .digest = sha256(as_bytes(content)),
                .target = {}});
  }
  IndexBuilder& link(const std::string& path, std::string target) {
    return add({.path = RelPath(path),
                .type = EntryType::kSymlink,
                .digest = {},
                .target = std::move(target)});
  }
  IndexBuilder& add(Entry entry) {
    index_.entries.push_back(std::move(entry));
    return *this;
  }
  IndexBuilder& meta(const std::string& key, std::string value) {
    index_.meta[key] = std::move(value);
    return *this;
  }

  /// Sorts, gives each file its offset in the order of paths, and makes one frame of it all (or as
  /// many as are needed).
  Index build() {
    std::ranges::sort(index_.entries, {}, &Entry::path);
    for (Entry& entry : index_.entries) entry.offset = 0;
    uint64_t at = 0;
    for (const uint32_t i : stream_order(index_)) {
      Entry& entry = index_.entries[i];
      if (entry.type == EntryType::kFile) entry.offset = at;
      at += tar_header_size(entry) + entry.size_bytes + tar_padding(entry.size_bytes);
    }
    at += kTarEndSize;
    index_.frames.clear();
    constexpr uint64_t kFrame = 8u << 20;
    for (; at > 0; at -= std::min(at, kFrame)) {
      index_.frames.push_back({.compressed_size = 100 + index_.frames.size(),
                               .raw_size = std::min(at, kFrame),
                               .digest = sha256(as_bytes(std::to_string(at)))});
    }
    return index_;
  }

 private:
  Index index_{.meta = {{"name", "sample"}, {"platform", "linux-x86_64"}, {"epoch", "1700000000"}},
               .frames = {},
               .entries = {},
               .optional_sections = {}};
};

/// A small index with one entry of each kind and every field in use.
inline Index sample_index() {
  return IndexBuilder()
      .meta("version", "1 é")
      .dir("bin")
      .file("bin/tool", "#!/bin/sh\n", true)
      .file("readme", "hello")
      .link("tool", "bin/tool")
      .build();
}

}  // namespace eb::test
