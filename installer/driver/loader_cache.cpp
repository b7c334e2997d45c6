#include "installer/driver/loader_cache.hpp"

#include <cstring>
#include <optional>

namespace eb {
namespace {

constexpr std::string_view kOldMagic = "ld.so-1.7.0";
constexpr std::string_view kNewMagic = "glibc-ld.so.cache1.1";
constexpr size_t kOldHeader = 16, kOldEntry = 12;
constexpr size_t kNewHeader = 48, kNewEntry = 24;

std::optional<uint32_t> word_at(std::string_view bytes, size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < 4) return std::nullopt;
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, 4);
  return value;
}

std::optional<std::string_view> string_at(std::string_view bytes, size_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  const std::string_view rest = bytes.substr(offset);
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

// Entries begin with flags, key and value in both formats; the strings' offsets count from the
// start of `strings`.
std::vector<std::string> matching(std::string_view entries, size_t entry_bytes, uint32_t count,
                                  std::string_view strings, std::string_view soname,
                                  int32_t flags) {
  std::vector<std::string> out;
  for (size_t i = 0; i < count && (i + 1) * entry_bytes <= entries.size(); ++i) {
    const size_t at = i * entry_bytes;
    if (word_at(entries, at) != static_cast<uint32_t>(flags)) continue;
    const auto key = string_at(strings, word_at(entries, at + 4).value_or(UINT32_MAX));
    if (key != soname) continue;
    if (const auto value = string_at(strings, word_at(entries, at + 8).value_or(UINT32_MAX))) {
      if (value->starts_with('/')) out.emplace_back(*value);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> cached_paths(std::string_view cache, std::string_view soname,
                                      int32_t flags) {
  std::string_view old;
  uint32_t old_count = 0;
  std::string_view fresh = cache;
  if (cache.starts_with(kOldMagic)) {
    const auto count = word_at(cache, 12);
    if (!count) return {};
    old_count = *count;
    old = cache.substr(kOldHeader);
    // The new part begins at the next multiple of 8.
    const size_t end = (kOldHeader + size_t{old_count} * kOldEntry + 7) / 8 * 8;
    fresh = end <= cache.size() ? cache.substr(end) : std::string_view();
  }
  if (fresh.starts_with(kNewMagic) && fresh.size() >= kNewHeader) {
    return matching(fresh.substr(kNewHeader), kNewEntry, word_at(fresh, 20).value_or(0), fresh,
                    soname, flags);
  }
  const size_t strings = size_t{old_count} * kOldEntry;
  if (old.size() < strings) return {};
  return matching(old, kOldEntry, old_count, old.substr(strings), soname, flags);
}

}  // namespace eb
