#include "bundler/artifact/tar.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "bundler/artifact/artifact_error.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {
namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kMaxTextBytes = 1 << 20;              // long names and pax headers
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 42;    // 4 TiB
constexpr uint64_t kOctalSizeLimit = uint64_t{1} << 33;  // 11 octal digits

// Offsets in a header block (POSIX.1-2017 pax, "ustar Interchange Format").
struct Field {
  size_t offset, size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kSize{124, 12}, kChecksum{148, 8}, kLink{157, 100},
    kMagic{257, 8}, kPrefix{345, 155};
constexpr size_t kTypeFlag = 156;

using Codec = Decompressor::Codec;

struct Ending {
  const char* text;
  Codec codec;
};
constexpr std::array kEndings{Ending{".tar", Codec::kNone},  Ending{".tar.gz", Codec::kGzip},
                              Ending{".tgz", Codec::kGzip},  Ending{".tar.xz", Codec::kXz},
                              Ending{".txz", Codec::kXz},    Ending{".tar.zst", Codec::kZstd},
                              Ending{".tzst", Codec::kZstd}, Ending{".tar.bz2", Codec::kBzip2},
                              Ending{".tbz2", Codec::kBzip2}};

std::optional<Codec> codec_of(const std::string& file_name) {
  for (const Ending& ending : kEndings) {
    if (file_name.ends_with(ending.text)) return ending.codec;
  }
  return std::nullopt;
}

Codec codec_or_throw(const std::string& file_name) {
  if (const auto codec = codec_of(file_name)) return *codec;
  throw bad_artifact("not a tar archive that can be read", file_name, "",
                     "names end in .tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2");
}

std::string text_of(const std::byte* block, Field field) {
  const auto* begin = reinterpret_cast<const char*>(block) + field.offset;
  return {begin, std::find(begin, begin + field.size, '\0')};
}

// Octal with blanks around it, or GNU's base-256; nullopt for anything else, negative ones
// included.
std::optional<uint64_t> number_of(const std::byte* block, Field field) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(block) + field.offset;
  uint64_t value = 0;
  if (bytes[0] & 0x80) {
    if (bytes[0] != 0x80) return std::nullopt;
    for (size_t i = 1; i < field.size; ++i) {
      if (value >> 55) return std::nullopt;
      value = value << 8 | bytes[i];
    }
    return value;
  }
  size_t i = 0;
  while (i < field.size && bytes[i] == ' ') ++i;
  for (; i < field.size && bytes[i] >= '0' && bytes[i] <= '7'; ++i) {
    value = value << 3 | (bytes[i] - '0');
  }
  for (; i < field.size; ++i) {
    if (bytes[i] != ' ' && bytes[i] != '\0') return std::nullopt;
  }
  return value;
}

bool checksum_agrees(const std::byte* block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool blank = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += blank ? ' ' : std::to_integer<unsigned>(block[i]);
  }
  return number_of(block, kChecksum) == sum;
}

std::string clean(std::string path) {
  while (path.starts_with("./")) path.erase(0, 2);
  while (path.ends_with('/')) path.pop_back();
  return path == "." ? "" : path;
}

}  // namespace

struct TarReader::Pax {
  std::optional<std::string> path, link;
  std::optional<uint64_t> size_bytes;
};

bool is_tar_name(const std::string& file_name) { return codec_of(file_name).has_value(); }

TarReader::TarReader(const std::filesystem::path& path, const std::string& file_name,
                     const std::string& name)
    : own_file_(
          std::make_unique<InputFile>(path, name.empty() && !file_name.empty() ? file_name : name)),
      name_(own_file_->name()) {
  const Codec codec = codec_or_throw(file_name.empty() ? path.filename().string() : file_name);
  data_ = std::make_unique<Decompressor>(*own_file_, 0, own_file_->size(), codec);
}

TarReader::TarReader(const InputFile& file, uint64_t offset, uint64_t size_bytes, Codec codec,
                     uint64_t max_decoded_bytes)
    : name_(file.name()),
      data_(std::make_unique<Decompressor>(file, offset, size_bytes, codec, max_decoded_bytes)) {}

TarReader::~TarReader() = default;
TarReader::TarReader(TarReader&&) noexcept = default;

void TarReader::fail(std::string what, std::string why) const {
  throw bad_artifact(std::move(what), name_, entry_name_, std::move(why));
}

bool TarReader::next(TarEntry& entry) {
  if (ended_) return false;
  skip(left_bytes_ + padding_bytes_);
  left_bytes_ = padding_bytes_ = 0;
  entry_name_.clear();

  Pax pax;
  std::optional<std::string> long_name, long_link;
  bool has_pax = false;
  std::array<std::byte, kBlock> block{};
  while (true) {
    read_block(block.data());
    if (std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{}; })) {
      if (has_pax || long_name || long_link) fail("a header without its entry", "the archive ends");
      check_end();
      return false;
    }
    if (!checksum_agrees(block.data())) {
      fail("a damaged tar header", "its checksum does not agree");
    }
    const auto size = number_of(block.data(), kSize);
    if (!size || *size > kMaxFileBytes) fail("a damaged tar header", "its size is no valid number");
    const char type = static_cast<char>(block[kTypeFlag]);
    if (type == 'x' || type == 'g') {
      // A global header of comments is git's; one that renames or resizes what follows is a trap.
      Pax found;
      read_pax(read_text(*size, "a pax header"), found);
      if (type == 'g') {
        if (found.path || found.link || found.size_bytes) {
          fail("a global pax header names a file", "such headers change entries that they hide");
        }
        continue;
      }
      if (has_pax) fail("two pax headers for one entry", "one is allowed");
      has_pax = true;
      pax = std::move(found);
      continue;
    }
    if (type == 'L' || type == 'K') {
      std::string text = read_text(*size, "a long name");
      if (const size_t nul = text.find('\0'); nul != std::string::npos) text.resize(nul);
      auto& place = type == 'L' ? long_name : long_link;
      if (place) fail("two long names for one entry", "one is allowed");
      place = std::move(text);
      continue;
    }

    std::string path = text_of(block.data(), kName);
    // GNU's own header ("ustar  ") has other things where ustar has the prefix.
    if (std::memcmp(block.data() + kMagic.offset, "ustar\0", 6) == 0) {
      if (const std::string prefix = text_of(block.data(), kPrefix); !prefix.empty()) {
        path.insert(0, prefix + "/");
      }
    }
    if (long_name) path = *long_name;
    if (pax.path) {
      if (long_name && *long_name != *pax.path) {
        fail("two names for one entry", "'" + *long_name + "' and '" + *pax.path + "'");
      }
      path = *pax.path;
    }
    entry_name_ = path;
    std::string target = text_of(block.data(), kLink);
    if (long_link) target = *long_link;
    if (pax.link) target = *pax.link;

    uint64_t size_bytes = *size;
    if (pax.size_bytes && *pax.size_bytes != *size) {
      // Only a size that eleven octal digits cannot hold may stand in the pax header alone.
      if (*pax.size_bytes < kOctalSizeLimit || (*size != 0 && *size != kOctalSizeLimit - 1)) {
        fail("two sizes for one entry", "the tar header says " + std::to_string(*size) +
                                            ", the pax header " + std::to_string(*pax.size_bytes));
      }
      size_bytes = *pax.size_bytes;
    }
    const auto mode = number_of(block.data(), kMode);
    if (!mode) fail("a damaged tar header", "its mode is no valid number");

    entry = TarEntry{};
    entry.mode = static_cast<uint32_t>(*mode & 07777);
    switch (type) {
      case '\0':
      case '0':
      case '7':
        // v7 has no type for directories, only the slash.
        entry.type = path.ends_with('/') ? TarEntry::Type::kDirectory : TarEntry::Type::kFile;
        break;
      case '1':
        entry.type = TarEntry::Type::kHardLink;
        break;
      case '2':
        entry.type = TarEntry::Type::kSymlink;
        break;
      case '5':
        entry.type = TarEntry::Type::kDirectory;
        break;
      case 'S':
        fail("a sparse file in the archive", "no such form is read");
      case '3':
      case '4':
      case '6':
        fail("a device or FIFO in the archive", "only files, directories and links are allowed");
      default:
        fail("an unknown kind of tar entry", std::string("its type is '") + type + "'");
    }
    if (entry.type != TarEntry::Type::kFile && size_bytes != 0) {
      fail("a tar entry with content that it cannot have",
           std::to_string(size_bytes) + " bytes of a directory or link");
    }
    entry.path = clean(path);
    const bool is_root = entry.path.empty() && entry.type == TarEntry::Type::kDirectory;
    if (const auto problem = RelPath::problem(entry.path); problem && !is_root) {
      fail("a tar entry with a bad name", *problem);
    }
    if (entry.type == TarEntry::Type::kHardLink) {
      entry.target = clean(std::move(target));
      if (const auto problem = RelPath::problem(entry.target)) {
        fail("a hard link with a bad target", *problem);
      }
    } else if (entry.type == TarEntry::Type::kSymlink) {
      if (target.empty()) fail("a symlink without a target", "it is empty");
      entry.target = std::move(target);
    }
    entry.size_bytes = left_bytes_ = size_bytes;
    padding_bytes_ = (kBlock - size_bytes % kBlock) % kBlock;
    return true;
  }
}

size_t TarReader::read(void* buffer, size_t size) {
  const size_t want = static_cast<size_t>(std::min<uint64_t>(size, left_bytes_));
  if (want == 0) return 0;
  const size_t got = data_->read(buffer, want);
  if (got != want) fail("the archive is cut short", "it ends inside this entry");
  left_bytes_ -= got;
  return got;
}

void TarReader::read_block(std::byte* block) {
  if (data_->read(block, kBlock) != kBlock) {
    fail("the archive is cut short", "it ends without the empty block that ends a tar archive");
  }
}

std::string TarReader::read_text(uint64_t size_bytes, const char* what) {
  if (size_bytes > kMaxTextBytes) {
    fail(std::string(what) + " is too large", std::to_string(size_bytes) + " bytes");
  }
  std::string text(static_cast<size_t>(size_bytes + (kBlock - size_bytes % kBlock) % kBlock), '\0');
  if (data_->read(text.data(), text.size()) != text.size()) {
    fail("the archive is cut short", std::string("it ends inside ") + what);
  }
  text.resize(static_cast<size_t>(size_bytes));
  return text;
}

// Records are "LENGTH KEY=VALUE\n", LENGTH counting the whole record.
void TarReader::read_pax(const std::string& text, Pax& pax) const {
  for (size_t at = 0; at < text.size();) {
    const size_t blank = text.find(' ', at);
    size_t length = 0;
    bool ok = blank != std::string::npos && blank > at && blank - at < 8;
    for (size_t i = at; ok && i < blank; ++i) {
      ok = text[i] >= '0' && text[i] <= '9';
      length = length * 10 + static_cast<size_t>(text[i] - '0');
    }
    const size_t equals = ok ? text.find('=', blank) : std::string::npos;
    if (!ok || length > text.size() - at || length < blank - at + 4 ||
        text[at + length - 1] != '\n' || equals >= at + length) {
      fail("a damaged pax header", "a record is not 'LENGTH KEY=VALUE'");
    }
    const std::string key = text.substr(blank + 1, equals - blank - 1);
    std::string value = text.substr(equals + 1, at + length - equals - 2);
    at += length;
    if (key.starts_with("GNU.sparse")) fail("a sparse file in the archive", "no such form is read");
    if (key == "path") {
      pax.path = std::move(value);
    } else if (key == "linkpath") {
      pax.link = std::move(value);
    } else if (key == "size") {
      const bool digits = !value.empty() && value.size() < 15 &&
                          value.find_first_not_of("0123456789") == std::string::npos;
      if (!digits) fail("a damaged pax header", "its size '" + value + "' is no number");
      pax.size_bytes = std::stoull(value);
      if (*pax.size_bytes > kMaxFileBytes) fail("a tar entry is too large", value + " bytes");
    }
  }
}

void TarReader::skip(uint64_t size_bytes) {
  std::vector<std::byte> buffer(
      static_cast<size_t>(std::min<uint64_t>(size_bytes, uint64_t{64} * 1024)));
  while (size_bytes > 0) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size_bytes));
    if (data_->read(buffer.data(), want) != want) {
      fail("the archive is cut short", "it ends inside this entry");
    }
    size_bytes -= want;
  }
}

// After the empty block only zeros fill the last record up.
void TarReader::check_end() {
  ended_ = true;
  std::vector<std::byte> buffer(size_t{64} * 1024);
  while (const size_t got = data_->read(buffer.data(), buffer.size())) {
    if (std::any_of(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got),
                    [](std::byte b) { return b != std::byte{}; })) {
      fail("the archive goes on after its end", "there is data after the empty block");
    }
  }
}

}  // namespace eb
