#include "installer/format/tar_stream.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace eb {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kNameSize = 100;
constexpr size_t kPrefixSize = 155;
constexpr size_t kLinkSize = 100;
constexpr uint64_t kMaxOctalSize = 077777777777;  // 11 octal digits

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// A directory's name in the stream ends in '/', as every tar program writes it.
std::string tar_name(const Entry& entry) {
  std::string name = entry.path.str();
  if (entry.type == EntryType::kDirectory) name += '/';
  return name;
}

struct SplitName {
  std::string_view prefix;
  std::string_view name;
};

// The one way to put `path` into ustar's two name fields; nullopt where it needs a pax record. With
// the leftmost slash that leaves at most 100 bytes, the prefix is as short as it can be.
std::optional<SplitName> split_name(std::string_view path) {
  // ustar leaves the character set open, pax says UTF-8 (POSIX.1-2001 pax, "path").
  if (!is_ascii(path)) return std::nullopt;
  if (path.size() <= kNameSize) return SplitName{{}, path};
  const size_t slash = path.find('/', path.size() - kNameSize - 1);
  if (slash == std::string_view::npos || slash + 1 == path.size() || slash > kPrefixSize) {
    return std::nullopt;
  }
  return SplitName{path.substr(0, slash), path.substr(slash + 1)};
}

bool link_fits(const Entry& entry) {
  return entry.target.size() <= kLinkSize && is_ascii(entry.target);
}

// "LENGTH KEY=VALUE\n" where LENGTH counts its own digits too (POSIX.1-2001 pax).
size_t pax_record_size(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t total = rest + 1;
  while (rest + std::to_string(total).size() != total) {
    total = rest + std::to_string(total).size();
  }
  return total;
}

void append_pax_record(std::string& out, std::string_view key, std::string_view value) {
  out += std::to_string(pax_record_size(key, value));
  out.append(" ").append(key).append("=").append(value).append("\n");
}

// Records in the order of their keys.
std::string pax_records(const Entry& entry, std::string_view name) {
  std::string out;
  if (!link_fits(entry)) append_pax_record(out, "linkpath", entry.target);
  if (!split_name(name)) append_pax_record(out, "path", name);
  if (entry.size_bytes > kMaxOctalSize) {
    append_pax_record(out, "size", std::to_string(entry.size_bytes));
  }
  return out;
}

struct HeaderFields {
  std::string_view name;
  std::string_view prefix;
  std::string_view link;
  unsigned mode = 0;
  uint64_t size_bytes = 0;
  uint64_t mtime = 0;
  char type = '0';
};

class Block {
 public:
  void text(size_t offset, std::string_view value) { value.copy(bytes_ + offset, value.size()); }
  // `width` - 1 octal digits and a NUL.
  void octal(size_t offset, size_t width, uint64_t value) {
    bytes_[offset + width - 1] = 0;
    for (size_t i = width - 1; i-- > 0; value >>= 3) {
      bytes_[offset + i] = static_cast<char>('0' + (value & 7));
    }
  }
  unsigned sum() const {
    unsigned total = 0;
    for (const char c : bytes_) total += static_cast<unsigned char>(c);
    return total;
  }
  const char* data() const { return bytes_; }

 private:
  char bytes_[kBlock] = {};
};

// POSIX.1-1988 ustar; offsets from pax(1), "ustar Header Block".
void append_header(std::vector<std::byte>& out, const HeaderFields& fields) {
  Block block;
  block.text(0, fields.name.substr(0, kNameSize));
  block.octal(100, 8, fields.mode);
  block.octal(108, 8, 0);  // owner and group: whoever unpacks
  block.octal(116, 8, 0);
  block.octal(124, 12, fields.size_bytes);
  block.octal(136, 12, fields.mtime);
  block.text(148, "        ");  // the checksum is over blanks in its own place
  block.text(156, {&fields.type, 1});
  block.text(157, fields.link.substr(0, kLinkSize));
  block.text(257, {"ustar\0"
                   "00",
                   8});
  block.octal(329, 8, 0);
  block.octal(337, 8, 0);
  block.text(345, fields.prefix);
  block.octal(148, 7, block.sum());
  const Bytes bytes = std::as_bytes(std::span(block.data(), kBlock));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

uint64_t tar_padding(uint64_t size_bytes) { return (kBlock - size_bytes % kBlock) % kBlock; }

uint64_t tar_header_size(const Entry& entry) {
  const std::string name = tar_name(entry);
  uint64_t records = 0;
  if (!link_fits(entry)) records += pax_record_size("linkpath", entry.target);
  if (!split_name(name)) records += pax_record_size("path", name);
  if (entry.size_bytes > kMaxOctalSize) {
    records += pax_record_size("size", std::to_string(entry.size_bytes));
  }
  return records == 0 ? kBlock : 2 * kBlock + records + tar_padding(records);
}

std::vector<std::byte> tar_header(const Entry& entry, uint64_t epoch_seconds) {
  const std::string name = tar_name(entry);
  std::vector<std::byte> out;
  if (const std::string records = pax_records(entry, name); !records.empty()) {
    append_header(out, {.name = "././@PaxHeader",
                        .prefix = {},
                        .link = {},
                        .mode = 0644,
                        .size_bytes = records.size(),
                        .mtime = epoch_seconds,
                        .type = 'x'});
    const Bytes bytes = as_bytes(records);
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.resize(out.size() + tar_padding(records.size()));
  }
  // Where a pax record says it, the ustar field holds what fits of it, and 0 for a size.
  const SplitName split = split_name(name).value_or(SplitName{{}, name});
  HeaderFields fields;
  fields.name = split.name;
  fields.prefix = split.prefix;
  fields.link = entry.target;
  fields.mtime = epoch_seconds;
  switch (entry.type) {
    case EntryType::kDirectory:
      fields.type = '5';
      fields.mode = 0755;
      break;
    case EntryType::kFile:
      fields.type = '0';
      fields.mode = entry.executable ? 0755 : 0644;
      fields.size_bytes = entry.size_bytes > kMaxOctalSize ? 0 : entry.size_bytes;
      break;
    case EntryType::kSymlink:
      fields.type = '2';
      fields.mode = 0777;
      break;
  }
  append_header(out, fields);
  return out;
}

std::vector<uint32_t> stream_order(const Index& index) {
  std::vector<uint32_t> directories;
  std::vector<uint32_t> files;
  std::vector<uint32_t> symlinks;
  for (uint32_t i = 0; i < index.entries.size(); ++i) {
    switch (index.entries[i].type) {
      case EntryType::kDirectory:
        directories.push_back(i);
        break;
      case EntryType::kFile:
        files.push_back(i);
        break;
      case EntryType::kSymlink:
        symlinks.push_back(i);
        break;
    }
  }
  std::ranges::stable_sort(files, {}, [&](uint32_t i) { return index.entries[i].offset; });
  directories.insert(directories.end(), files.begin(), files.end());
  directories.insert(directories.end(), symlinks.begin(), symlinks.end());
  return directories;
}

}  // namespace eb
