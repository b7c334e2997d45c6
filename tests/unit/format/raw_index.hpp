#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "installer/base/bytes.hpp"

namespace eb::test {

/// Writes an index byte by byte as FORMAT §3 describes it, also one that breaks its rules: a second
/// reading of the text, independent of encode_index().
struct RawSection {
  std::string name;
  uint32_t required = 1;
  std::vector<std::byte> data;
};

inline std::vector<std::byte> raw_index(const std::vector<RawSection>& sections) {
  ByteWriter out;
  out.text({"EBINDEX\0", 8});
  out.u32(static_cast<uint32_t>(sections.size()));
  for (const RawSection& section : sections) {
    std::string name = section.name;
    name.resize(16);
    out.text(name);
    out.u32(section.required);
    out.u32(static_cast<uint32_t>(section.data.size()));
    out.bytes(section.data);
  }
  return out.release();
}

struct RawEntry {
  uint8_t type = 1;
  uint8_t flags = 0;
  std::string path = {};
  uint64_t size_bytes = 0;
  uint64_t offset = 0;
  std::string target = {};
};

inline std::vector<std::byte> raw_entries(const std::vector<RawEntry>& entries) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(entries.size()));
  for (const RawEntry& entry : entries) {
    out.u8(entry.type);
    out.u8(entry.flags);
    out.u16(static_cast<uint16_t>(entry.path.size()));
    out.text(entry.path);
    if (entry.type == 2) {
      out.u64(entry.size_bytes);
      out.u64(entry.offset);
      out.digest({});
    }
    if (entry.type == 3) {
      out.u16(static_cast<uint16_t>(entry.target.size()));
      out.text(entry.target);
    }
  }
  return out.release();
}

inline std::vector<std::byte> raw_meta(
    const std::vector<std::pair<std::string, std::string>>& meta) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(meta.size()));
  for (const auto& [key, value] : meta) {
    out.u16(static_cast<uint16_t>(key.size()));
    out.text(key);
    out.u32(static_cast<uint32_t>(value.size()));
    out.text(value);
  }
  return out.release();
}

struct RawFrame {
  uint64_t compressed_size = 0;
  uint64_t raw_size = 0;
};

inline std::vector<std::byte> raw_frames(const std::vector<RawFrame>& frames) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(frames.size()));
  for (const RawFrame& frame : frames) {
    out.u64(frame.compressed_size);
    out.u64(frame.raw_size);
    out.digest({});
  }
  return out.release();
}

/// The three sections that must be there; valid with no entries and one frame of 1024 bytes.
inline std::vector<RawSection> raw_sections(const std::vector<RawEntry>& entries = {},
                                            const std::vector<RawFrame>& frames = {{20, 1024}}) {
  return {
      {"meta", 1, raw_meta({{"epoch", "0"}, {"name", "n"}, {"platform", "linux-x86_64"}})},
      {"frames", 1, raw_frames(frames)},
      {"entries", 1, raw_entries(entries)},
  };
}

}  // namespace eb::test
