#include "installer/format/index.hpp"

#include <algorithm>
#include <string_view>

#include "installer/base/bytes.hpp"
#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/index_check.hpp"

namespace eb {
namespace {

constexpr std::string_view kIndexMagic{"EBINDEX\0", 8};
constexpr size_t kSectionNameSize = 16;
constexpr uint32_t kRequired = 1;
constexpr uint8_t kExecutable = 1;
constexpr std::string_view kKnownSections[] = {"meta", "frames", "entries"};

// Smallest encoded records: what a count may promise is bounded by the bytes that are there.
constexpr size_t kMinMetaRecord = 2 + 1 + 4;
constexpr size_t kFrameRecord = 8 + 8 + 32;
constexpr size_t kMinEntryRecord = 1 + 1 + 2 + 1;

/// One section while it is read: knows where it stands in the index, for messages.
class Section {
 public:
  Section(std::string name, Bytes data, size_t offset)
      : in(data), name_(std::move(name)), offset_(offset) {}

  std::string place(size_t at) const {
    return "index section '" + name_ + "', byte " + std::to_string(offset_ + at);
  }
  [[noreturn]] void refuse(std::string why) const {
    throw Error(ExitCode::kMalformed, "the index is malformed")
        .where(place(in.offset()))
        .why(std::move(why));
  }
  /// A count whose records can all be here, so that reserving room for them is safe.
  uint32_t count(uint32_t most, size_t min_record_size) {
    const uint32_t n = in.u32();
    if (!in.ok()) refuse("the section ends before its number of records");
    if (n > most) {
      refuse(std::to_string(n) + " records; at most " + std::to_string(most) + " are allowed");
    }
    if (n > in.left() / min_record_size) {
      refuse(std::to_string(n) + " records do not fit into the " + std::to_string(in.left()) +
             " bytes that are left");
    }
    return n;
  }
  /// That the last record is whole, count() or the record's parser has checked.
  void end() const {
    if (!in.at_end()) refuse(std::to_string(in.left()) + " bytes after the last record");
  }

  ByteReader in;

 private:
  std::string name_;
  size_t offset_;
};

std::map<std::string, std::string> parse_meta(Section& section) {
  std::map<std::string, std::string> meta;
  const uint32_t count = section.count(kMaxMetaKeys, kMinMetaRecord);
  for (uint32_t i = 0; i < count; ++i) {
    const std::string key(section.in.text(section.in.u16()));
    const uint32_t value_size = section.in.u32();
    const std::string value(section.in.text(value_size));
    if (!section.in.ok()) section.refuse("record " + std::to_string(i) + " is cut off");
    if (!meta.empty() && key <= meta.rbegin()->first) {
      section.refuse("key '" + key + "' is not in order or stands twice");
    }
    meta.emplace_hint(meta.end(), key, value);
  }
  section.end();
  return meta;
}

std::vector<Frame> parse_frames(Section& section) {
  std::vector<Frame> frames(section.count(kMaxFrames, kFrameRecord));
  for (Frame& frame : frames) {
    frame.compressed_size = section.in.u64();
    frame.raw_size = section.in.u64();
    frame.digest = section.in.digest();
  }
  section.end();
  return frames;
}

Entry parse_entry(Section& section) {
  const uint8_t type = section.in.u8();
  const uint8_t flags = section.in.u8();
  const std::string_view text = section.in.text(section.in.u16());
  if (!section.in.ok()) section.refuse("the record is cut off");
  if (const auto problem = RelPath::problem(text)) {
    section.refuse(*problem + ": '" + std::string(text.substr(0, 200)) + "'");
  }
  const auto refuse = [&](const std::string& why) {
    section.refuse("entry '" + std::string(text) + "' " + why);
  };
  Entry entry{.path = RelPath(text), .digest = {}, .target = {}};
  switch (type) {
    case static_cast<uint8_t>(EntryType::kDirectory):
    case static_cast<uint8_t>(EntryType::kFile):
    case static_cast<uint8_t>(EntryType::kSymlink):
      entry.type = static_cast<EntryType>(type);
      break;
    default:
      refuse("has type " + std::to_string(type) +
             "; there are directory (1), file (2), symlink (3)");
  }
  entry.executable = flags == kExecutable;
  if (flags > kExecutable || (entry.executable && entry.type != EntryType::kFile)) {
    refuse("has flags " + std::to_string(flags) + "; only a file may be executable (1)");
  }
  if (entry.type == EntryType::kFile) {
    entry.size_bytes = section.in.u64();
    entry.offset = section.in.u64();
    entry.digest = section.in.digest();
  } else if (entry.type == EntryType::kSymlink) {
    entry.target = section.in.text(section.in.u16());
  }
  if (!section.in.ok()) refuse("is cut off");
  return entry;
}

std::vector<Entry> parse_entries(Section& section, std::vector<uint32_t>* offsets) {
  std::vector<Entry> entries;
  const uint32_t count = section.count(kMaxEntries, kMinEntryRecord);
  for (uint32_t i = 0; i < count; ++i) {
    offsets->push_back(static_cast<uint32_t>(section.in.offset()));
    entries.push_back(parse_entry(section));
  }
  section.end();
  return entries;
}

std::string entry_name(const std::vector<Entry>& entries, size_t i) {
  return "entry " + std::to_string(i) + ", '" + entries[i].path.str() + "'";
}

EntryLocator plain_locator(const Index& index) {
  return [&index](size_t i) { return "index, " + entry_name(index.entries, i); };
}

void write_section(ByteWriter& out, std::string_view name, uint32_t flags, Bytes data) {
  out.text(name);
  for (size_t i = name.size(); i < kSectionNameSize; ++i) out.u8(0);
  out.u32(flags);
  out.u32(static_cast<uint32_t>(data.size()));
  out.bytes(data);
}

std::vector<std::byte> encode_meta(const Index& index) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(index.meta.size()));
  for (const auto& [key, value] : index.meta) {
    out.u16(static_cast<uint16_t>(key.size()));
    out.text(key);
    out.u32(static_cast<uint32_t>(value.size()));
    out.text(value);
  }
  return out.release();
}

std::vector<std::byte> encode_frames(const Index& index) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(index.frames.size()));
  for (const Frame& frame : index.frames) {
    out.u64(frame.compressed_size);
    out.u64(frame.raw_size);
    out.digest(frame.digest);
  }
  return out.release();
}

std::vector<std::byte> encode_entries(const Index& index) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(index.entries.size()));
  for (const Entry& entry : index.entries) {
    out.u8(static_cast<uint8_t>(entry.type));
    out.u8(entry.executable ? kExecutable : 0);
    out.u16(static_cast<uint16_t>(entry.path.str().size()));
    out.text(entry.path.str());
    if (entry.type == EntryType::kFile) {
      out.u64(entry.size_bytes);
      out.u64(entry.offset);
      out.digest(entry.digest);
    } else if (entry.type == EntryType::kSymlink) {
      out.u16(static_cast<uint16_t>(entry.target.size()));
      out.text(entry.target);
    }
  }
  return out.release();
}

// A section with the required flag that nothing here can read (F024).
Error needs_newer(const std::string& name, const Index& so_far) {
  Error error(ExitCode::kMalformed, "the bundle needs a feature that this program does not know");
  error.where("index section '" + name + "'").why("the section is marked as required");
  const auto needed = so_far.meta.find(meta_key::kMinInstaller);
  error.hint(needed == so_far.meta.end()
                 ? "use the envinstall that came with the bundle, or a newer one"
                 : "use the envinstall that came with the bundle, or " + needed->second +
                       " or newer");
  return error;
}

/// A section's header, checked for what holds for every section.
struct SectionHeader {
  std::string name;
  bool required = false;
  Bytes data;
  size_t data_offset = 0;
};

SectionHeader parse_section_header(ByteReader& in) {
  const size_t offset = in.offset();
  const auto refuse = [offset](std::string why) {
    throw Error(ExitCode::kMalformed, "the index is malformed")
        .where("index, byte " + std::to_string(offset))
        .why(std::move(why));
  };
  const std::string_view padded = in.text(kSectionNameSize);
  const uint32_t flags = in.u32();
  const uint32_t size = in.u32();
  SectionHeader out;
  out.data_offset = in.offset();
  out.data = in.take(size);
  if (!in.ok()) refuse("a section ends beyond the index");
  out.name = padded.substr(0, padded.find('\0'));
  const std::string_view padding = padded.substr(out.name.size());
  if (!is_section_name(out.name) || padding.find_first_not_of('\0') != std::string_view::npos) {
    refuse("a section has no valid name");
  }
  if (flags > kRequired) refuse("section '" + out.name + "' has unknown flags");
  out.required = flags == kRequired;
  return out;
}

}  // namespace

std::vector<std::byte> encode_index(const Index& index) {
  try {
    check_index(index);
    check_layout(index);
    check_optional_sections(index.optional_sections);
  } catch (const Error& error) {
    throw Error(ExitCode::kInternal, "the program made an invalid index")
        .where(error.where())
        .why(error.why());
  }
  ByteWriter out;
  out.text(kIndexMagic);
  out.u32(static_cast<uint32_t>(std::size(kKnownSections) + index.optional_sections.size()));
  write_section(out, kKnownSections[0], kRequired, encode_meta(index));
  write_section(out, kKnownSections[1], kRequired, encode_frames(index));
  write_section(out, kKnownSections[2], kRequired, encode_entries(index));
  for (const OptionalSection& section : index.optional_sections) {
    write_section(out, section.name, 0, section.data);
  }
  if (out.data().size() > kMaxIndexSize) {
    throw Error(ExitCode::kInternal, "the program made an invalid index")
        .why(std::to_string(out.data().size()) + " bytes; at most " +
             std::to_string(kMaxIndexSize) + " are allowed");
  }
  return out.release();
}

Index parse_index(Bytes data) {
  ByteReader in(data);
  const auto refuse = [&in](std::string why) {
    throw Error(ExitCode::kMalformed, "the index is malformed")
        .where("index, byte " + std::to_string(in.offset()))
        .why(std::move(why));
  };
  if (data.size() > kMaxIndexSize) refuse("more than the allowed size");
  if (in.text(kIndexMagic.size()) != kIndexMagic) refuse("it does not begin as an index");
  const uint32_t sections = in.u32();
  if (!in.ok()) refuse("it ends before its number of sections");
  if (sections < std::size(kKnownSections) || sections > kMaxSections) {
    refuse(std::to_string(sections) + " sections; allowed are " +
           std::to_string(std::size(kKnownSections)) + " to " + std::to_string(kMaxSections));
  }
  Index index;
  std::vector<uint32_t> record_offsets;
  size_t entries_offset = 0;
  for (uint32_t i = 0; i < sections; ++i) {
    const SectionHeader header = parse_section_header(in);
    Section section(header.name, header.data, header.data_offset);
    const bool known = std::ranges::find(kKnownSections, header.name) != std::end(kKnownSections);
    if (!known && header.required) throw needs_newer(header.name, index);
    if (i < std::size(kKnownSections)) {
      if (header.name != kKnownSections[i]) {
        refuse("section '" + header.name + "' stands where '" + std::string(kKnownSections[i]) +
               "' must be");
      }
      if (!header.required) section.refuse("the section must be marked as required");
    }
    switch (i) {
      case 0:
        index.meta = parse_meta(section);
        check_meta(index.meta);
        break;
      case 1:
        index.frames = parse_frames(section);
        break;
      case 2:
        entries_offset = header.data_offset;
        index.entries = parse_entries(section, &record_offsets);
        break;
      default:
        index.optional_sections.push_back({header.name, {header.data.begin(), header.data.end()}});
        break;
    }
  }
  if (!in.at_end()) refuse(std::to_string(in.left()) + " bytes after the last section");
  check_optional_sections(index.optional_sections);
  const EntryLocator locate = [&](size_t i) {
    return "index section 'entries', byte " + std::to_string(entries_offset + record_offsets[i]) +
           ": " + entry_name(index.entries, i);
  };
  check_entries(index.entries, locate);
  check_layout(index, locate);
  return index;
}

void check_index(const Index& index) {
  check_meta(index.meta);
  check_entries(index.entries, plain_locator(index));
}

void check_layout(const Index& index) { check_layout(index, plain_locator(index)); }

IndexTotals totals(const Index& index) {
  IndexTotals out;
  for (const Entry& entry : index.entries) {
    switch (entry.type) {
      case EntryType::kDirectory:
        ++out.directories;
        break;
      case EntryType::kFile:
        ++out.files;
        out.file_bytes += entry.size_bytes;
        break;
      case EntryType::kSymlink:
        ++out.symlinks;
        break;
    }
  }
  for (const Frame& frame : index.frames) {
    out.compressed_bytes += frame.compressed_size;
    out.raw_bytes += frame.raw_size;
    out.largest_raw_frame = std::max(out.largest_raw_frame, frame.raw_size);
    out.largest_compressed_frame = std::max(out.largest_compressed_frame, frame.compressed_size);
  }
  return out;
}

}  // namespace eb
