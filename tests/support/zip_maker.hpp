#pragma once

#include <zlib.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "installer/base/bytes.hpp"

namespace eb::test {

/// One member of a zip archive in the making. What the optionals hold replaces the truth in one of
/// its two headers.
struct ZipMember {
  std::string name{};
  std::string content{};
  bool deflate = false;
  uint32_t mode = 0100644;
  uint16_t flags = 1 << 11;  ///< UTF-8
  bool descriptor = false;
  std::optional<uint16_t> method{};
  std::string local_extra{}, central_extra{};
  std::optional<std::string> local_name{}, descriptor_bytes{};
  std::optional<uint32_t> local_crc{}, local_size{}, local_compressed{}, central_crc{},
      central_size{}, central_compressed{}, central_offset{};
  std::optional<uint16_t> local_flags{};
  bool in_central = true;
  std::string gap_after{};
};

struct ZipMaker {
  std::vector<ZipMember> members{};
  std::string prefix{}, comment{}, trailing{}, central_tail{};
  std::optional<uint16_t> count{};
  std::optional<uint32_t> directory_offset{};
  bool zip64 = false;
  std::optional<uint64_t> zip64_count{}, zip64_offset{};
  std::string zip64_data{};  ///< extensible data sector

  std::string build() const {
    ByteWriter out;
    ByteWriter central;
    out.text(prefix);
    uint64_t entries = 0;
    for (const ZipMember& member : members) {
      const std::string data = member.deflate ? deflated(member.content) : member.content;
      const auto crc =
          static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(member.content.data()),
                                      static_cast<uInt>(member.content.size())));
      const auto size = static_cast<uint32_t>(member.content.size());
      const auto compressed = static_cast<uint32_t>(data.size());
      const auto offset = static_cast<uint32_t>(out.data().size());
      const uint16_t method = member.method.value_or(member.deflate ? 8 : 0);
      const auto flags = static_cast<uint16_t>(member.flags | (member.descriptor ? 1 << 3 : 0));
      const std::string local_name = member.local_name.value_or(member.name);
      const bool hidden = member.descriptor;
      out.u32(0x04034b50);
      out.u16(20);
      out.u16(member.local_flags.value_or(flags));
      out.u16(method);
      out.u32(0);
      out.u32(member.local_crc.value_or(hidden ? 0 : crc));
      out.u32(member.local_compressed.value_or(hidden ? 0 : compressed));
      out.u32(member.local_size.value_or(hidden ? 0 : size));
      out.u16(static_cast<uint16_t>(local_name.size()));
      out.u16(static_cast<uint16_t>(member.local_extra.size()));
      out.text(local_name);
      out.text(member.local_extra);
      out.text(data);
      if (member.descriptor_bytes) {
        out.text(*member.descriptor_bytes);
      } else if (member.descriptor) {
        out.u32(0x08074b50);
        out.u32(crc);
        out.u32(compressed);
        out.u32(size);
      }
      out.text(member.gap_after);
      if (!member.in_central) continue;
      ++entries;
      central.u32(0x02014b50);
      central.u16(3 << 8 | 20);
      central.u16(20);
      central.u16(flags);
      central.u16(method);
      central.u32(0);
      central.u32(member.central_crc.value_or(crc));
      central.u32(member.central_compressed.value_or(compressed));
      central.u32(member.central_size.value_or(size));
      central.u16(static_cast<uint16_t>(member.name.size()));
      central.u16(static_cast<uint16_t>(member.central_extra.size()));
      central.u16(0);
      central.u16(0);
      central.u16(0);
      central.u32(member.mode << 16);
      central.u32(member.central_offset.value_or(offset));
      central.text(member.name);
      central.text(member.central_extra);
    }
    central.text(central_tail);
    const uint64_t begin = out.data().size();
    out.bytes(central.data());
    if (zip64) {
      const uint64_t end = out.data().size();
      out.u32(0x06064b50);
      out.u64(44 + zip64_data.size());
      out.u16(45);
      out.u16(45);
      out.u32(0);
      out.u32(0);
      out.u64(zip64_count.value_or(entries));
      out.u64(zip64_count.value_or(entries));
      out.u64(central.data().size());
      out.u64(zip64_offset.value_or(begin));
      out.text(zip64_data);
      out.u32(0x07064b50);
      out.u32(0);
      out.u64(end);
      out.u32(1);
    }
    out.u32(0x06054b50);
    out.u16(0);
    out.u16(0);
    out.u16(count.value_or(zip64 ? 0xFFFF : static_cast<uint16_t>(entries)));
    out.u16(count.value_or(zip64 ? 0xFFFF : static_cast<uint16_t>(entries)));
    out.u32(zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(central.data().size()));
    out.u32(directory_offset.value_or(zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(begin)));
    out.u16(static_cast<uint16_t>(comment.size()));
    out.text(comment);
    out.text(trailing);
    return std::string(as_text(out.data()));
  }

  static std::string deflated(const std::string& data) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("deflateInit2");
    }
    std::string out(deflateBound(&stream, static_cast<uLong>(data.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw std::runtime_error("deflate");
    out.resize(stream.total_out);
    return out;
  }
};

}  // namespace eb::test
