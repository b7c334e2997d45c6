#pragma once

#include <cstdint>
#include <vector>

#include "installer/base/bytes.hpp"

namespace eb::test {

/// An entry as fatbinary writes it (FACTS §1.7). The defaults are those of a stored cubin.
struct FatbinEntry {
  static constexpr uint16_t kPtx = 1;
  static constexpr uint16_t kSass = 2;
  static constexpr uint16_t kLto = 8;
  static constexpr uint64_t kPlain = 0x11;
  static constexpr uint64_t kLz4 = 0x2000;
  static constexpr uint64_t kZstd = 0x8000;
  static constexpr uint64_t kExact = 0x100000;
  static constexpr uint64_t kFamily = 0x200000;

  uint16_t kind = kSass;
  uint32_t architecture = 90;
  uint64_t flags = kPlain;
  size_t payload_bytes = 24;
  size_t options_bytes = 0;       ///< behind the 64 bytes of the header
  uint32_t compressed_bytes = 0;  ///< 0 when stored
};

inline std::vector<std::byte> fatbin_entry(const FatbinEntry& entry) {
  ByteWriter out;
  out.u16(entry.kind);
  out.u16(0x0101);
  out.u32(static_cast<uint32_t>(64 + entry.options_bytes));
  out.u64(entry.payload_bytes);
  out.u32(entry.compressed_bytes);
  out.u32(entry.options_bytes == 0 ? 0 : 64);
  out.u32(0x00010008);
  out.u32(entry.architecture);
  out.u64(0);
  out.u64(entry.flags);
  out.u64(0);
  out.u64(entry.compressed_bytes == 0 ? 0 : entry.payload_bytes * 4);
  for (size_t i = 0; i < entry.options_bytes + entry.payload_bytes; ++i) out.u8(0xA5);
  return out.release();
}

inline std::vector<std::byte> fatbin_container(Bytes body) {
  ByteWriter out;
  out.u32(0xBA55ED50);
  out.u16(1);
  out.u16(16);
  out.u64(body.size());
  out.bytes(body);
  return out.release();
}

inline std::vector<std::byte> fatbin_container(const std::vector<FatbinEntry>& entries) {
  ByteWriter body;
  for (const FatbinEntry& entry : entries) body.bytes(fatbin_entry(entry));
  return fatbin_container(Bytes(body.data()));
}

}  // namespace eb::test
