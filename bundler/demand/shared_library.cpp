#include "bundler/demand/shared_library.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "bundler/demand/elf_file.hpp"

namespace eb {
namespace {

constexpr std::array<std::string_view, 7> kReadLater = {
    ".nv_fatbin",    "__nv_relfatbin",    ".cask_resource", ".eh_frame",
    ".eh_frame_hdr", ".gcc_except_table", ".ldata"};
// A device reads a gap of this size rather than begin anew; so does the kernel's read-ahead.
constexpr uint64_t kWorthReading = uint64_t{128} * 1024;

void add_needed(Elf* elf, const GElf_Shdr& header, Elf_Data* data, SharedLibrary& out) {
  GElf_Dyn entry;
  for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
    if (entry.d_tag != DT_NEEDED) continue;
    const char* name = elf_strptr(elf, header.sh_link, entry.d_un.d_val);
    if (name != nullptr) out.needed.emplace_back(name);
  }
}

std::vector<ByteRange> joined(std::vector<ByteRange> ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  std::vector<ByteRange> out;
  for (const ByteRange& range : ranges) {
    if (!out.empty() && range.offset <= out.back().offset + out.back().size_bytes + kWorthReading) {
      const uint64_t end =
          std::max(out.back().offset + out.back().size_bytes, range.offset + range.size_bytes);
      out.back().size_bytes = end - out.back().offset;
    } else {
      out.push_back(range);
    }
  }
  return out;
}

}  // namespace

std::optional<SharedLibrary> read_shared_library(const std::filesystem::path& path) {
  const std::optional<ElfFile> file = open_elf(path);
  if (!file || file->header.e_type != ET_DYN) return std::nullopt;
  const uint64_t file_size = std::filesystem::file_size(path);
  SharedLibrary out;
  std::vector<ByteRange> ranges;
  Elf* elf = file->elf.get();
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return out;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    if (header.sh_type == SHT_DYNAMIC) {
      if (Elf_Data* data = elf_getdata(section, nullptr)) add_needed(elf, header, data, out);
    }
    const char* name = elf_strptr(elf, names, header.sh_name);
    const bool is_read = (header.sh_flags & SHF_ALLOC) != 0 && header.sh_type != SHT_NOBITS &&
                         name != nullptr && std::ranges::find(kReadLater, name) == kReadLater.end();
    if (!is_read || header.sh_offset >= file_size) continue;
    ranges.push_back({header.sh_offset, std::min(header.sh_size, file_size - header.sh_offset)});
  }
  out.read_at_load = joined(std::move(ranges));
  return out;
}

}  // namespace eb
