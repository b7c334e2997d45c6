#include "bundler/artifact/zip_structure.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "bundler/artifact/artifact_error.hpp"
#include "installer/base/bytes.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {
namespace {

// APPNOTE.TXT 4.3.7, 4.3.9, 4.3.12, 4.3.14–4.3.16.
constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50,
                   kDescriptorSignature = 0x08074b50, kEndSignature = 0x06054b50,
                   kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr size_t kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20, kLocalBytes = 30,
                 kCentralBytes = 46;
constexpr uint64_t kMaxCentralBytes = 256 << 20;
constexpr uint32_t kFull32 = 0xFFFFFFFF;
constexpr uint16_t kFull16 = 0xFFFF;
constexpr uint16_t kEncrypted = 1 << 0, kHasDescriptor = 1 << 3, kPatched = 1 << 5,
                   kStrongEncryption = 1 << 6, kUtf8 = 1 << 11, kMasked = 1 << 13;
// Bits 1 and 2 tell how hard the compressor tried.
constexpr uint16_t kEffort = 3 << 1;
constexpr uint16_t kExtraZip64 = 0x0001, kExtraUnicodePath = 0x7075;

struct Central {
  ZipEntry entry;
  std::string raw_name;
  uint16_t flags = 0, method = 0;
  uint64_t header_offset = 0;
};

struct Directory {
  uint64_t offset = 0, size_bytes = 0, count = 0;
};

struct Extra {
  std::optional<Bytes> zip64, unicode_path;
};

class Reader {
 public:
  explicit Reader(const InputFile& file) : file_(file) {}

  std::vector<ZipEntry> run() {
    const Directory directory = find_directory();
    std::vector<Central> entries = read_central(directory);
    check_names(entries);
    std::vector<size_t> order(entries.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&entries](size_t a, size_t b) {
      return entries[a].header_offset < entries[b].header_offset;
    });
    // The local entries tile the file up to the central directory.
    uint64_t at = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      Central& central = entries[order[i]];
      name_ = central.raw_name;
      const uint64_t end =
          i + 1 < order.size() ? entries[order[i + 1]].header_offset : directory.offset;
      if (central.header_offset != at || end <= at) {
        fail("a zip archive with a gap or overlap between entries",
             "an entry should begin at byte " + std::to_string(at) + ", this one begins at " +
                 std::to_string(central.header_offset));
      }
      check_local(central, end);
      at = end;
    }
    name_.clear();
    if (at != directory.offset) {
      fail("a zip archive with data that belongs to no entry",
           "the entries end at byte " + std::to_string(at) +
               ", the central directory begins at byte " + std::to_string(directory.offset));
    }
    std::vector<ZipEntry> out;
    out.reserve(entries.size());
    for (Central& central : entries) out.push_back(std::move(central.entry));
    return out;
  }

 private:
  [[noreturn]] void fail(std::string what, std::string why) const {
    throw bad_artifact(std::move(what), file_.name(), name_, std::move(why));
  }

  Directory find_directory() {
    const uint64_t tail_bytes = std::min<uint64_t>(file_.size(), kEndBytes + kFull16);
    if (file_.size() < kEndBytes) fail("not a zip archive", "it is too short for one");
    const uint64_t tail_offset = file_.size() - tail_bytes;
    const std::vector<std::byte> tail =
        file_.read_exactly(tail_offset, static_cast<size_t>(tail_bytes));
    std::optional<size_t> found;
    bool seen = false;
    for (size_t at = 0; at + kEndBytes <= tail.size(); ++at) {
      if (tail[at] != std::byte{'P'}) continue;
      ByteReader reader(Bytes(tail).subspan(at));
      if (reader.u32() != kEndSignature) continue;
      seen = true;
      reader.take(16);
      const uint16_t comment_bytes = reader.u16();
      if (at + kEndBytes + comment_bytes != tail.size()) continue;
      if (found) fail("a zip archive with two ends", "a second one stands in the comment");
      found = at;
    }
    if (!found) {
      fail(seen ? "a zip archive with data after its end" : "not a zip archive",
           seen ? "the end record does not end the file" : "it has no end record");
    }
    ByteReader reader(Bytes(tail).subspan(*found));
    reader.u32();
    const uint16_t disk = reader.u16(), directory_disk = reader.u16();
    const uint16_t disk_count = reader.u16(), count = reader.u16();
    const uint32_t size32 = reader.u32(), offset32 = reader.u32();
    reader.u16();
    const std::string_view comment = as_text(Bytes(tail).subspan(*found + kEndBytes));
    for (const std::string_view signature :
         {"PK\001\002", "PK\003\004", "PK\005\006", "PK\006\006"}) {
      if (comment.find(signature) != std::string_view::npos) {
        fail("a zip archive with another one in its comment", "a signature stands in the comment");
      }
    }
    Directory directory{offset32, size32, count};
    uint64_t end = tail_offset + *found;
    const std::optional<Directory> big = find_directory64(end);
    if (big) {
      const bool agrees = (offset32 == kFull32 || offset32 == big->offset) &&
                          (size32 == kFull32 || size32 == big->size_bytes) &&
                          (count == kFull16 || count == big->count);
      if (!agrees) fail("a zip archive whose two end records contradict each other", "ZIP64");
      directory = *big;
      end -= kLocator64Bytes + kEnd64Bytes;
    }
    const bool one_disk = (disk == 0 || (big && disk == kFull16)) &&
                          (directory_disk == 0 || (big && directory_disk == kFull16)) &&
                          disk_count == count;
    if (!one_disk) fail("a zip archive of several parts", "only whole archives are read");
    if (directory.offset > end || directory.size_bytes != end - directory.offset) {
      fail("a zip archive whose central directory does not lie before its end",
           std::to_string(directory.size_bytes) + " bytes at byte " +
               std::to_string(directory.offset) + ", the end is at byte " + std::to_string(end));
    }
    if (directory.size_bytes > kMaxCentralBytes) {
      fail("a zip archive with too large a directory",
           std::to_string(directory.size_bytes) + " bytes");
    }
    return directory;
  }

  std::optional<Directory> find_directory64(uint64_t end) const {
    if (end < kLocator64Bytes) return std::nullopt;
    const auto locator = file_.read_exactly(end - kLocator64Bytes, kLocator64Bytes);
    ByteReader reader(locator);
    if (reader.u32() != kLocator64Signature) return std::nullopt;
    const uint32_t disk = reader.u32();
    const uint64_t offset = reader.u64();
    const uint32_t disks = reader.u32();
    const bool room = end >= kLocator64Bytes + kEnd64Bytes;
    // Exactly before the locator: so there is no extensible data that others might read.
    if (!room || disk != 0 || disks > 1 || offset != end - kLocator64Bytes - kEnd64Bytes) {
      fail("a zip archive with a bad ZIP64 locator", "it points to byte " + std::to_string(offset));
    }
    const auto record = file_.read_exactly(offset, kEnd64Bytes);
    ByteReader big(record);
    const bool good = big.u32() == kEnd64Signature && big.u64() == kEnd64Bytes - 12;
    big.u32();  // versions
    const uint32_t this_disk = big.u32(), directory_disk = big.u32();
    const uint64_t disk_count = big.u64();
    Directory directory;
    directory.count = big.u64();
    directory.size_bytes = big.u64();
    directory.offset = big.u64();
    if (!good || this_disk != 0 || directory_disk != 0 || disk_count != directory.count) {
      fail("a zip archive with a bad ZIP64 end record", "at byte " + std::to_string(offset));
    }
    return directory;
  }

  Extra parse_extra(Bytes data) const {
    Extra out;
    ByteReader reader(data);
    while (!reader.at_end()) {
      const uint16_t id = reader.u16();
      const Bytes value = reader.take(reader.u16());
      if (!reader.ok()) fail("a damaged zip header", "its extra fields do not fit");
      std::optional<Bytes>* place = id == kExtraZip64         ? &out.zip64
                                    : id == kExtraUnicodePath ? &out.unicode_path
                                                              : nullptr;
      if (place == nullptr) continue;
      if (*place) fail("a damaged zip header", "an extra field stands there twice");
      *place = value;
    }
    return out;
  }

  // Fills the fields that say "see ZIP64", in the order of APPNOTE 4.5.3, and demands that nothing
  // else stands there.
  void apply_zip64(const Extra& extra, std::initializer_list<uint64_t*> fields) const {
    ByteReader reader(extra.zip64.value_or(Bytes{}));
    for (uint64_t* field : fields) {
      if (*field == kFull32 && extra.zip64) *field = reader.u64();
    }
    if (!reader.ok() || !reader.at_end()) {
      fail("a zip entry whose ZIP64 fields contradict its header",
           std::to_string(extra.zip64->size()) + " bytes of ZIP64 fields");
    }
  }

  // A local header has both sizes there (APPNOTE 4.5.3); some writers repeat sizes that the header
  // itself holds, which is no contradiction.
  void apply_local_zip64(const Extra& extra, uint64_t& size_bytes,
                         uint64_t& compressed_bytes) const {
    if (!extra.zip64 || extra.zip64->size() != 16) {
      apply_zip64(extra, {&size_bytes, &compressed_bytes});
      return;
    }
    ByteReader reader(*extra.zip64);
    for (uint64_t* field : {&size_bytes, &compressed_bytes}) {
      const uint64_t value = reader.u64();
      if (*field == kFull32) {
        *field = value;
      } else if (*field != value) {
        fail("a zip entry whose ZIP64 fields contradict its header",
             "sizes " + std::to_string(value) + " and " + std::to_string(*field));
      }
    }
  }

  std::vector<Central> read_central(const Directory& directory) {
    const auto data =
        file_.read_exactly(directory.offset, static_cast<size_t>(directory.size_bytes));
    std::vector<Central> out;
    ByteReader reader(data);
    while (!reader.at_end()) {
      name_.clear();
      Central central;
      ZipEntry& entry = central.entry;
      if (reader.left() < kCentralBytes || reader.u32() != kCentralSignature) {
        fail("a damaged zip directory",
             "no entry at byte " + std::to_string(directory.offset + reader.offset()));
      }
      reader.u16();  // made by
      reader.u16();  // version needed
      central.flags = reader.u16();
      central.method = reader.u16();
      reader.u32();  // time and date
      entry.crc = reader.u32();
      entry.compressed_bytes = reader.u32();
      entry.size_bytes = reader.u32();
      const uint16_t name_bytes = reader.u16(), extra_bytes = reader.u16();
      const uint16_t comment_bytes = reader.u16(), disk = reader.u16();
      reader.u16();  // internal attributes
      const uint32_t mode = reader.u32() >> 16;
      central.header_offset = reader.u32();
      central.raw_name = reader.text(name_bytes);
      const Bytes extra_data = reader.take(extra_bytes);
      reader.take(comment_bytes);
      if (!reader.ok()) fail("a damaged zip directory", "its last entry is cut short");
      name_ = central.raw_name;
      const Extra extra = parse_extra(extra_data);
      apply_zip64(extra, {&entry.size_bytes, &entry.compressed_bytes, &central.header_offset});
      if (disk != 0) fail("a zip archive of several parts", "only whole archives are read");
      check_meaning(central, extra, mode);
      out.push_back(std::move(central));
    }
    name_.clear();
    if (out.size() != directory.count) {
      fail("a zip archive that lies about its number of entries",
           "it says " + std::to_string(directory.count) + " and has " + std::to_string(out.size()));
    }
    return out;
  }

  void check_meaning(Central& central, const Extra& extra, uint32_t mode) const {
    ZipEntry& entry = central.entry;
    if (central.flags & (kEncrypted | kStrongEncryption | kMasked)) {
      fail("an encrypted zip entry", "only plain ones are read");
    }
    if (central.flags & kPatched) fail("a zip entry that is a patch", "only whole files are read");
    if (central.method != 0 && central.method != 8) {
      fail("a zip entry with an unsupported compression",
           "method " + std::to_string(central.method) + "; stored and deflated are read");
    }
    entry.deflated = central.method == 8;
    if (!entry.deflated && entry.compressed_bytes != entry.size_bytes) {
      fail("a stored zip entry with two sizes", std::to_string(entry.compressed_bytes) + " and " +
                                                    std::to_string(entry.size_bytes) + " bytes");
    }
    const bool ascii = std::all_of(central.raw_name.begin(), central.raw_name.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (!ascii && !(central.flags & kUtf8)) {
      fail("a zip entry with a bad name", "it is not ASCII and not marked as UTF-8");
    }
    // Version, CRC of the name, name: another name for the same entry (APPNOTE 4.6.9).
    if (extra.unicode_path && (extra.unicode_path->size() < 5 ||
                               as_text(extra.unicode_path->subspan(5)) != central.raw_name)) {
      fail("a zip entry with two names", "the Unicode path field has another one");
    }
    entry.name = central.raw_name;
    entry.directory = entry.name.ends_with('/');
    if (entry.directory) entry.name.pop_back();
    if (const auto problem = RelPath::problem(entry.name)) {
      fail("a zip entry with a bad name", *problem);
    }
    if (S_ISLNK(mode)) fail("a symlink in a zip archive", "only files and directories are allowed");
    if (entry.directory && entry.size_bytes != 0) {
      fail("a zip directory with content", std::to_string(entry.size_bytes) + " bytes");
    }
    entry.executable = !entry.directory && S_ISREG(mode) && (mode & 0111) != 0;
  }

  void check_names(const std::vector<Central>& entries) {
    std::unordered_set<std::string_view> seen;
    for (const Central& central : entries) {
      if (seen.insert(central.entry.name).second) continue;
      name_ = central.raw_name;
      fail("a zip archive with a name twice", "readers differ in which of the two they take");
    }
  }

  // The local header agrees with the central one and, with its data, fills the file up to `end`.
  void check_local(Central& central, uint64_t end) const {
    ZipEntry& entry = central.entry;
    const uint64_t begin = central.header_offset;
    if (end - begin < kLocalBytes) fail("a zip entry is cut short", "its header does not fit");
    // One read for nearly every header.
    const size_t guess = static_cast<size_t>(
        std::min<uint64_t>(end - begin, kLocalBytes + central.raw_name.size() + 64));
    std::vector<std::byte> header = file_.read_exactly(begin, guess);
    ByteReader reader(header);
    const bool signed_right = reader.u32() == kLocalSignature;
    reader.u16();  // version needed
    const uint16_t flags = reader.u16(), method = reader.u16();
    reader.u32();  // time and date
    const uint32_t crc = reader.u32();
    uint64_t compressed_bytes = reader.u32(), size_bytes = reader.u32();
    const uint16_t name_bytes = reader.u16(), extra_bytes = reader.u16();
    const size_t header_bytes = kLocalBytes + size_t{name_bytes} + extra_bytes;
    if (!signed_right) {
      fail("a zip entry without a local header", "none at byte " + std::to_string(begin));
    }
    if (header_bytes > end - begin) fail("a zip entry is cut short", "its header does not fit");
    if (header_bytes > header.size()) header = file_.read_exactly(begin, header_bytes);
    const Bytes rest = Bytes(header).subspan(kLocalBytes);
    if (as_text(rest.first(name_bytes)) != central.raw_name) {
      fail("a zip entry with two names",
           "its local header says '" + std::string(as_text(rest.first(name_bytes))) + "'");
    }
    const Extra extra = parse_extra(rest.subspan(name_bytes, extra_bytes));
    if (extra.unicode_path && (extra.unicode_path->size() < 5 ||
                               as_text(extra.unicode_path->subspan(5)) != central.raw_name)) {
      fail("a zip entry with two names", "the Unicode path field has another one");
    }
    apply_local_zip64(extra, size_bytes, compressed_bytes);
    const bool descriptor = (flags & kHasDescriptor) != 0;
    const auto agree = [descriptor](uint64_t local, uint64_t central_value) {
      return local == central_value || (descriptor && local == 0);
    };
    if (((flags ^ central.flags) & static_cast<uint16_t>(~kEffort)) != 0 ||
        method != central.method || !agree(crc, entry.crc) ||
        !agree(compressed_bytes, entry.compressed_bytes) || !agree(size_bytes, entry.size_bytes)) {
      fail("a zip entry whose two headers disagree",
           "local: method " + std::to_string(method) + ", " + std::to_string(compressed_bytes) +
               " to " + std::to_string(size_bytes) + " bytes; central: method " +
               std::to_string(central.method) + ", " + std::to_string(entry.compressed_bytes) +
               " to " + std::to_string(entry.size_bytes) + " bytes; flags and checksum count too");
    }
    entry.data_offset = begin + header_bytes;
    if (entry.compressed_bytes > end - entry.data_offset) {
      fail("a zip archive with a gap or overlap between entries",
           "the data of this one goes past byte " + std::to_string(end));
    }
    const uint64_t data_end = entry.data_offset + entry.compressed_bytes;
    if (descriptor) {
      check_descriptor(entry, data_end, end);
    } else if (data_end != end) {
      fail("a zip archive with a gap or overlap between entries",
           "the data of this one ends at byte " + std::to_string(data_end) +
               ", the next thing begins at byte " + std::to_string(end));
    }
  }

  // With or without its signature, sizes of 4 or 8 bytes (APPNOTE 4.3.9); what is there says which.
  void check_descriptor(const ZipEntry& entry, uint64_t begin, uint64_t end) const {
    const uint64_t size = end - begin;
    if (size == 12 || size == 16 || size == 20 || size == 24) {
      const auto data = file_.read_exactly(begin, static_cast<size_t>(size));
      for (const bool with_signature : {true, false}) {
        for (const bool big : {false, true}) {
          if ((with_signature ? 4u : 0u) + 4 + (big ? 16 : 8) != size) continue;
          ByteReader reader(data);
          if (with_signature && reader.u32() != kDescriptorSignature) continue;
          if (reader.u32() == entry.crc &&
              (big ? reader.u64() : reader.u32()) == entry.compressed_bytes &&
              (big ? reader.u64() : reader.u32()) == entry.size_bytes) {
            return;
          }
        }
      }
    }
    fail("a zip entry without the data descriptor that it announces",
         std::to_string(size) + " bytes stand after its data");
  }

  const InputFile& file_;
  std::string name_;  // of the entry at hand, for errors
};

}  // namespace

std::vector<ZipEntry> read_zip_structure(const InputFile& file) { return Reader(file).run(); }

}  // namespace eb
