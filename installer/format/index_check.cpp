#include "installer/format/index_check.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "installer/base/error.hpp"
#include "installer/base/version.hpp"
#include "installer/format/container.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb {
namespace {

[[noreturn]] void refuse(std::string where, std::string why) {
  throw Error(ExitCode::kMalformed, "the index breaks a rule of the format")
      .where(std::move(where))
      .why(std::move(why));
}

void check_count(const std::string& where, size_t count, size_t most, const char* noun) {
  if (count <= most) return;
  refuse(where,
         std::to_string(count) + " " + noun + "; at most " + std::to_string(most) + " are allowed");
}

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_meta_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxMetaKeySize &&
         std::ranges::all_of(key, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

// Names a folder of the prefix (VerifiedBundle::release_name), and is typed on command lines.
bool is_release_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameSize && is_alphanumeric(text.front()) &&
         std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || std::string_view("._+-").find(c) != std::string_view::npos;
         });
}

// Decimal without sign or leading zero, at most `most`.
bool is_decimal(std::string_view text, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() &&
         (text == "0" || text.front() != '0') && value <= most;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The rule that a value of a known key breaks, as words; nullptr when none.
const char* known_value_problem(std::string_view key, std::string_view value) {
  if (key == meta_key::kName || key == meta_key::kPlatform) {
    return is_release_name(value) ? nullptr : "must match [A-Za-z0-9][A-Za-z0-9._+-]{0,63}";
  }
  if (key == meta_key::kEpoch || key == meta_key::kNotAfter) {
    return is_decimal(value, kMaxEpoch) ? nullptr : "must be a decimal number below 2^33";
  }
  if (key == meta_key::kCounter) {
    return is_decimal(value, kMaxCounter) ? nullptr : "must be a decimal number below 2^53";
  }
  if (key == meta_key::kLockDigest) {
    return is_sha256(value) ? nullptr : "must be 64 lower-case hexadecimal digits";
  }
  for (const std::string_view dotted :
       {meta_key::kMinInstaller, meta_key::kMinKernel, meta_key::kGlibc, meta_key::kPython,
        meta_key::kCuda, meta_key::kMinDriver}) {
    if (key == dotted && !DottedVersion::parse(value)) return "must be a dotted version";
  }
  return nullptr;
}

// F102: what the prefix and the installer keep for themselves at the top of a release or prefix.
bool is_reserved(std::string_view top) {
  return top == ".envinstall" || top == ".bundle" || top == "current" || top == "releases" ||
         top == "lost+found" || top.starts_with(".nfs");
}

std::string type_words(EntryType type) {
  switch (type) {
    case EntryType::kDirectory:
      return "a directory";
    case EntryType::kFile:
      return "a file";
    case EntryType::kSymlink:
      break;
  }
  return "a symlink";  // entry_problem() refuses what is none of these
}

// What one entry may hold, seen alone; nullopt when all is well. RelPath has checked the path.
std::optional<std::string> entry_problem(const Entry& entry) {
  if (entry.path.parent().empty() && is_reserved(entry.path.str())) {
    return "the name is reserved for the installer or the file system";
  }
  switch (entry.type) {
    case EntryType::kDirectory:
    case EntryType::kSymlink:
      if (entry.executable || entry.size_bytes != 0 || entry.offset != 0 ||
          entry.digest != Sha256{}) {
        return "only a file has size, offset, digest or the executable flag";
      }
      break;
    case EntryType::kFile:
      if (entry.size_bytes > kMaxFileSize) {
        return "a file of " + std::to_string(entry.size_bytes) + " bytes; at most " +
               std::to_string(kMaxFileSize) + " are allowed";
      }
      break;
    default:
      return "unknown type " + std::to_string(static_cast<int>(entry.type));
  }
  if (entry.type != EntryType::kSymlink && !entry.target.empty()) {
    return "only a symlink has a target";
  }
  return std::nullopt;
}

const Entry* find_parent(const std::vector<Entry>& entries, std::string_view path, size_t* at) {
  const auto it = std::ranges::lower_bound(
      entries, path, {}, [](const Entry& entry) -> std::string_view { return entry.path.str(); });
  // `path` is the parent of an entry, which stands after it.
  if (it->path.str() != path) return nullptr;
  *at = static_cast<size_t>(it - entries.begin());
  return &*it;
}

// Every parent is a directory of the set (F097–F099) and holds no more names than allowed (F107).
void check_parents(const std::vector<Entry>& entries, const EntryLocator& locate) {
  std::vector<uint32_t> names(entries.size());
  uint32_t top_names = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view parent = entries[i].path.parent();
    uint32_t* count = &top_names;
    if (!parent.empty()) {
      size_t at = 0;
      const Entry* const found = find_parent(entries, parent, &at);
      if (found == nullptr) {
        refuse(locate(i), "its directory '" + std::string(parent) + "' is not in the index");
      }
      if (found->type != EntryType::kDirectory) {
        refuse(locate(i), "it lies below '" + std::string(parent) + "', which is " +
                              type_words(found->type) + ", not a directory");
      }
      count = &names[at];
    }
    if (++*count > kMaxDirectoryEntries) {
      refuse(locate(i),
             "its directory holds more than " + std::to_string(kMaxDirectoryEntries) + " names");
    }
  }
}

uint64_t add(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) refuse("index", "the tar stream overflows");
  return sum;
}

}  // namespace

bool is_section_name(std::string_view name) {
  return !name.empty() && name.size() <= 16 && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

void check_meta(const std::map<std::string, std::string>& meta) {
  const std::string where = "index section 'meta'";
  check_count(where, meta.size(), kMaxMetaKeys, "keys");
  for (const auto& [key, value] : meta) {
    if (!is_meta_key(key)) refuse(where, "key '" + key + "' does not match [a-z0-9-]{1,64}");
    if (value.size() > kMaxMetaValueSize) {
      refuse(where, "the value of '" + key + "' has " + std::to_string(value.size()) +
                        " bytes; at most " + std::to_string(kMaxMetaValueSize) + " are allowed");
    }
    if (printable(value) != value) {
      refuse(where, "the value of '" + key + "' is not printable UTF-8");
    }
    if (const char* const problem = known_value_problem(key, value)) {
      refuse(where,
             "the value of '" + key + "' " + problem + ", it is '" + value.substr(0, 100) + "'");
    }
  }
  for (const char* const key : {meta_key::kName, meta_key::kPlatform, meta_key::kEpoch}) {
    if (!meta.contains(key)) refuse(where, std::string("key '") + key + "' is missing");
  }
}

void check_optional_sections(const std::vector<OptionalSection>& sections) {
  if (sections.size() > kMaxSections - 3) refuse("index", "too many sections");
  for (size_t i = 0; i < sections.size(); ++i) {
    const std::string& name = sections[i].name;
    const std::string where = "index section '" + name + "'";
    if (!is_section_name(name)) refuse(where, "the section has no valid name");
    if (name == "meta" || name == "frames" || name == "entries") {
      refuse(where, "the section stands twice");
    }
    if (i > 0 && name <= sections[i - 1].name) {
      refuse(where, "the section is not in order or stands twice");
    }
  }
}

void check_entries(const std::vector<Entry>& entries, const EntryLocator& locate) {
  check_count("index section 'entries'", entries.size(), kMaxEntries, "entries");
  for (size_t i = 0; i < entries.size(); ++i) {
    if (const auto problem = entry_problem(entries[i])) refuse(locate(i), *problem);
    if (i == 0) continue;
    if (entries[i].path == entries[i - 1].path) {
      refuse(locate(i), "the path stands twice, as " + type_words(entries[i - 1].type) + " and " +
                            type_words(entries[i].type));
    }
    if (entries[i].path < entries[i - 1].path) {
      refuse(locate(i), "the path is not in order after '" + entries[i - 1].path.str() + "'");
    }
  }
  check_parents(entries, locate);
  check_links(entries, locate);
}

void check_layout(const Index& index, const EntryLocator& locate) {
  check_count("index section 'frames'", index.frames.size(), kMaxFrames, "frames");
  uint64_t raw = 0;
  for (size_t i = 0; i < index.frames.size(); ++i) {
    const Frame& frame = index.frames[i];
    const std::string where = "index section 'frames', frame " + std::to_string(i);
    if (frame.raw_size < 1 || frame.raw_size > kMaxFrameRawSize) {
      refuse(where, "a raw size of " + std::to_string(frame.raw_size) +
                        " bytes; allowed are 1 to " + std::to_string(kMaxFrameRawSize));
    }
    if (frame.compressed_size < 1 || frame.compressed_size > max_compressed_size(frame.raw_size)) {
      refuse(where, "a compressed size of " + std::to_string(frame.compressed_size) +
                        " bytes; allowed are 1 to " +
                        std::to_string(max_compressed_size(frame.raw_size)));
    }
    raw += frame.raw_size;
  }
  // So neither sum can overflow, and the data of all frames is within its bound.
  static_assert(kMaxFrames * max_compressed_size(kMaxFrameRawSize) <= kMaxDataSize);
  uint64_t at = 0;
  for (const uint32_t i : stream_order(index)) {
    const Entry& entry = index.entries[i];
    if (entry.type == EntryType::kFile && entry.offset != at) {
      refuse(locate(i), "its offset is " + std::to_string(entry.offset) +
                            ", but what stands before it ends at " + std::to_string(at));
    }
    at = add(at, tar_header_size(entry));
    at = add(at, entry.size_bytes);
    at = add(at, tar_padding(entry.size_bytes));
  }
  at = add(at, kTarEndSize);
  if (raw != at) {
    refuse("index section 'frames'", "the frames decode to " + std::to_string(raw) +
                                         " bytes, but the entries make a tar stream of " +
                                         std::to_string(at));
  }
}

}  // namespace eb
