#include "bundler/demand/elf_needs.hpp"

#include <limits>
#include <string_view>

#include "bundler/demand/elf_file.hpp"

namespace eb {
namespace {

constexpr std::string_view kPrefix = "GLIBC_";

/// Calls `visit` with every name in a section of type SHT_GNU_verneed. The offsets in it only lead
/// forward, so that it ends whatever it holds.
template <typename Visit>
void visit_needed_versions(Elf* elf, const GElf_Shdr& header, Elf_Data* data, Visit&& visit) {
  const size_t end = std::min<size_t>(data->d_size, std::numeric_limits<int>::max());
  size_t library_at = 0;
  GElf_Verneed library;
  while (library_at < end &&
         gelf_getverneed(data, static_cast<int>(library_at), &library) != nullptr) {
    size_t version_at = library_at + library.vn_aux;
    GElf_Vernaux version;
    for (unsigned i = 0; i < library.vn_cnt && version_at < end; ++i) {
      if (gelf_getvernaux(data, static_cast<int>(version_at), &version) == nullptr) break;
      const char* name = elf_strptr(elf, header.sh_link, version.vna_name);
      if (name != nullptr && (version.vna_flags & VER_FLG_WEAK) == 0) visit(name);
      if (version.vna_next == 0) break;
      version_at += version.vna_next;
    }
    if (library.vn_next == 0) return;
    library_at += library.vn_next;
  }
}

}  // namespace

std::optional<ElfNeeds> read_elf_needs(const std::filesystem::path& path) {
  const std::optional<ElfFile> file = open_elf(path);
  if (!file) return std::nullopt;
  ElfNeeds out{.machine = file->header.e_machine, .glibc = {}};
  Elf* elf = file->elf.get();
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_GNU_verneed) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    visit_needed_versions(elf, header, data, [&out](std::string_view name) {
      if (!name.starts_with(kPrefix)) return;
      const auto version = DottedVersion::parse(name.substr(kPrefix.size()));
      if (version && (!out.glibc || *out.glibc < *version)) out.glibc = version;
    });
  }
  return out;
}

}  // namespace eb
