#include "cache_maker.hpp"

namespace eb::test {
namespace {

template <typename T>
void append(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Entries with offsets that begin at `base`; `extra` zero bytes behind the three numbers of each.
std::string entries(const std::vector<CacheLine>& lines, size_t base, size_t extra,
                    std::string* strings) {
  std::string out;
  for (const CacheLine& line : lines) {
    append(&out, line.flags);
    append(&out, static_cast<uint32_t>(base + strings->size()));
    *strings += line.soname + '\0';
    append(&out, static_cast<uint32_t>(base + strings->size()));
    *strings += line.path + '\0';
    out.append(extra, '\0');
  }
  return out;
}

std::string new_part(const std::vector<CacheLine>& lines) {
  std::string strings;
  const std::string table = entries(lines, 48 + 24 * lines.size(), 12, &strings);
  std::string out = "glibc-ld.so.cache1.1";
  append(&out, static_cast<uint32_t>(lines.size()));
  append(&out, static_cast<uint32_t>(strings.size()));
  out.resize(48, '\0');
  return out + table + strings;
}

std::string old_part(const std::vector<CacheLine>& lines, std::string* strings) {
  std::string out = "ld.so-1.7.0";
  out += '\0';
  append(&out, static_cast<uint32_t>(lines.size()));
  return out + entries(lines, 0, 0, strings);
}

}  // namespace

std::string make_cache(const std::vector<CacheLine>& lines, CacheFormat format) {
  if (format == CacheFormat::kNew) return new_part(lines);
  std::string strings;
  std::string out = old_part(lines, &strings);
  if (format == CacheFormat::kOld) return out + strings;
  out.resize((out.size() + 7) / 8 * 8, '\0');
  return out + new_part(lines);
}

}  // namespace eb::test
