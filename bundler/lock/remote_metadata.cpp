#include "bundler/lock/remote_metadata.hpp"

#include <zlib.h>

#include <algorithm>

#include "installer/base/bytes.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

// Numbers of APPNOTE.TXT (PKWARE): signatures and fixed sizes of the records.
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64LocatorSize = 20;
constexpr size_t kEnd64Size = 56;
constexpr size_t kLocalSize = 30;

constexpr uint64_t kTailBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxDirectoryBytes = uint64_t{32} << 20;
constexpr uint64_t kMaxMetadataBytes = uint64_t{8} << 20;

struct Directory {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

struct Entry {
  uint16_t method = 0;
  uint64_t packed_bytes = 0;
  uint64_t plain_bytes = 0;
  uint64_t offset = 0;
};

/// `tail` ends where the file ends. What stands between the directory and the end is skipped as
/// the layout has it, so the place in the file need not be known.
std::optional<Directory> find_directory(std::string_view tail) {
  if (tail.size() < kEndSize) return std::nullopt;
  for (size_t at = tail.size() - kEndSize + 1; at-- > 0;) {
    ByteReader end(as_bytes(tail.substr(at)));
    if (end.u32() != kEndSignature) continue;
    end.take(8);
    Directory out;
    out.size_bytes = end.u32();
    out.offset = end.u32();
    if (end.u16() != tail.size() - at - kEndSize) continue;  // not the comment's length
    if (out.offset != 0xffffffff && out.size_bytes != 0xffffffff) return out;
    if (at < kEnd64LocatorSize + kEnd64Size) return std::nullopt;
    ByteReader locator(as_bytes(tail.substr(at - kEnd64LocatorSize)));
    if (locator.u32() != kEnd64LocatorSignature) return std::nullopt;
    const size_t record_at = at - kEnd64LocatorSize - kEnd64Size;
    ByteReader record(as_bytes(tail.substr(record_at)));
    if (record.u32() != kEnd64Signature) return std::nullopt;
    record.take(36);
    out.size_bytes = record.u64();
    out.offset = record.u64();
    return out;
  }
  return std::nullopt;
}

void read_zip64(Bytes extra, Entry& entry) {
  ByteReader in(extra);
  while (in.ok() && in.left() >= 4) {
    const uint16_t id = in.u16();
    const Bytes field = in.take(in.u16());
    if (id != 1) continue;
    ByteReader values(field);
    if (entry.plain_bytes == 0xffffffff) entry.plain_bytes = values.u64();
    if (entry.packed_bytes == 0xffffffff) entry.packed_bytes = values.u64();
    if (entry.offset == 0xffffffff) entry.offset = values.u64();
  }
}

/// NAME.dist-info/METADATA, at the top.
bool is_metadata(std::string_view name) {
  constexpr std::string_view kEnd = ".dist-info/METADATA";
  return name.ends_with(kEnd) &&
         name.find('/') == name.size() - std::string_view("/METADATA").size();
}

std::optional<Entry> find_metadata(std::string_view directory) {
  ByteReader in(as_bytes(directory));
  while (in.ok() && in.left() > 0) {
    Entry entry;
    if (in.u32() != kEntrySignature) return std::nullopt;
    in.take(6);
    entry.method = in.u16();
    in.take(8);
    entry.packed_bytes = in.u32();
    entry.plain_bytes = in.u32();
    const uint16_t name_size = in.u16();
    const uint16_t extra_size = in.u16();
    const uint16_t comment_size = in.u16();
    in.take(8);
    entry.offset = in.u32();
    const std::string_view name = in.text(name_size);
    const Bytes extra = in.take(extra_size);
    in.take(comment_size);
    if (!in.ok()) return std::nullopt;
    if (!is_metadata(name)) continue;
    read_zip64(extra, entry);
    return entry;
  }
  return std::nullopt;
}

std::optional<std::string> inflated(std::string_view packed, uint64_t plain_bytes) {
  std::string out(plain_bytes, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.total_out == plain_bytes;
  inflateEnd(&stream);
  if (!whole) return std::nullopt;
  return out;
}

}  // namespace

std::optional<uint64_t> read_remote_size(const std::string& url, const FetchOptions& options) {
  try {
    return fetch_document(url, {"Range: bytes=0-0"}, 1, options).whole_bytes;
  } catch (const Error&) {
    return std::nullopt;  // it sends the whole file
  }
}

std::optional<std::string> read_metadata_by_ranges(uint64_t file_size, const RangeReader& read) {
  const uint64_t tail_size = std::min(file_size, kTailBytes);
  const uint64_t tail_offset = file_size - tail_size;
  const auto tail = read(tail_offset, tail_size);
  if (!tail) return std::nullopt;
  const auto directory = find_directory(*tail);
  if (!directory || directory->size_bytes > kMaxDirectoryBytes || directory->offset > file_size ||
      directory->size_bytes > file_size - directory->offset) {
    return std::nullopt;
  }
  std::optional<std::string> listing;
  if (directory->offset >= tail_offset) {
    listing = tail->substr(directory->offset - tail_offset, directory->size_bytes);
  } else {
    listing = read(directory->offset, directory->size_bytes);
  }
  if (!listing) return std::nullopt;
  const auto entry = find_metadata(*listing);
  if (!entry || entry->packed_bytes > kMaxMetadataBytes || entry->plain_bytes > kMaxMetadataBytes ||
      entry->offset > file_size) {
    return std::nullopt;
  }
  // The local header's extra field may differ from the directory's; a little more is asked for.
  constexpr uint64_t kSlack = 1024;
  const uint64_t wanted =
      std::min(kLocalSize + kSlack + entry->packed_bytes, file_size - entry->offset);
  const auto local = read(entry->offset, wanted);
  if (!local) return std::nullopt;
  ByteReader header(as_bytes(*local));
  if (header.u32() != kLocalSignature) return std::nullopt;
  header.take(22);
  const uint16_t name_size = header.u16();
  const uint16_t extra_size = header.u16();
  header.take(uint64_t{name_size} + extra_size);
  const std::string_view packed = header.text(entry->packed_bytes);
  if (!header.ok()) return std::nullopt;
  if (entry->method == 0) return std::string(packed);
  if (entry->method == Z_DEFLATED) return inflated(packed, entry->plain_bytes);
  return std::nullopt;
}

std::optional<std::string> read_remote_metadata(const std::string& url, uint64_t file_size,
                                                const FetchOptions& options) {
  return read_metadata_by_ranges(
      file_size, [&](uint64_t offset, uint64_t size) -> std::optional<std::string> {
        if (size == 0) return std::string();
        const std::string range =
            "Range: bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1);
        try {
          HttpDocument part = fetch_document(url, {range}, size, options);
          if (part.body.size() != size || (part.status != 206 && size != file_size))
            return std::nullopt;
          return std::move(part.body);
        } catch (const Error&) {
          // A server that ignores Range sends the whole file, which is more than was asked for.
          // Whether the file can be had at all shows when it is fetched.
          return std::nullopt;
        }
      });
}

}  // namespace eb
