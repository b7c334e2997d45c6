#pragma once

#include <elf.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb::test {

struct ElfSection {
  std::string name;
  uint32_t type = SHT_PROGBITS;
  std::string content;
  uint32_t link = 0;
  uint64_t flags = 0;
  uint32_t info = 0;
};

template <typename Record>
void append_record(std::string& out, const Record& record) {
  out.append(reinterpret_cast<const char*>(&record), sizeof record);
}

/// A 64-bit little-endian shared object that consists of these sections, which get the numbers 1,
/// 2, …, their names and the table of headers, in this order.
inline std::string make_elf(std::vector<ElfSection> sections, uint16_t machine = EM_X86_64) {
  sections.push_back({.name = ".shstrtab", .type = SHT_STRTAB, .content = {}});
  std::string names(1, '\0');
  std::vector<uint32_t> name_offsets;
  for (const ElfSection& section : sections) {
    name_offsets.push_back(static_cast<uint32_t>(names.size()));
    names += section.name + '\0';
  }
  sections.back().content = names;

  std::string body;
  std::string table;
  append_record(table, Elf64_Shdr{});
  for (size_t i = 0; i < sections.size(); ++i) {
    body.resize((body.size() + 7) / 8 * 8);
    Elf64_Shdr header{};
    header.sh_name = name_offsets[i];
    header.sh_type = sections[i].type;
    header.sh_flags = sections[i].flags;
    header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
    header.sh_size = sections[i].content.size();
    header.sh_link = sections[i].link;
    header.sh_info = sections[i].info;
    header.sh_addralign = 8;
    append_record(table, header);
    body += sections[i].content;
  }
  body.resize((body.size() + 7) / 8 * 8);

  Elf64_Ehdr head{};
  for (int i = 0; i < SELFMAG; ++i) head.e_ident[i] = static_cast<unsigned char>(ELFMAG[i]);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_DYN;
  head.e_machine = machine;
  head.e_version = EV_CURRENT;
  head.e_shoff = sizeof head + body.size();
  head.e_ehsize = sizeof head;
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = static_cast<uint16_t>(sections.size() + 1);
  head.e_shstrndx = static_cast<uint16_t>(sections.size());
  std::string out;
  append_record(out, head);
  return out + body + table;
}

struct NeededVersion {
  std::string library;
  std::string name;
  bool weak = false;
};

/// The sections .dynstr and .gnu.version_r that ask for these versions; one library record for each
/// run of the same library. `first` is the number that the first of the two gets.
inline std::vector<ElfSection> version_sections(const std::vector<NeededVersion>& versions,
                                                uint32_t first = 1) {
  std::string strings(1, '\0');
  const auto add = [&strings](const std::string& text) {
    const auto at = static_cast<uint32_t>(strings.size());
    strings += text + '\0';
    return at;
  };
  std::string needs;
  uint32_t libraries = 0;
  for (size_t i = 0; i < versions.size();) {
    size_t end = i;
    while (end < versions.size() && versions[end].library == versions[i].library) ++end;
    Elf64_Verneed library{};
    library.vn_version = VER_NEED_CURRENT;
    library.vn_cnt = static_cast<uint16_t>(end - i);
    library.vn_file = add(versions[i].library);
    library.vn_aux = sizeof library;
    const size_t bytes = sizeof library + (end - i) * sizeof(Elf64_Vernaux);
    library.vn_next = end == versions.size() ? 0 : static_cast<uint32_t>(bytes);
    append_record(needs, library);
    for (; i < end; ++i) {
      Elf64_Vernaux version{};
      version.vna_flags = versions[i].weak ? VER_FLG_WEAK : 0;
      version.vna_name = add(versions[i].name);
      version.vna_next = i + 1 == end ? 0 : static_cast<uint32_t>(sizeof version);
      append_record(needs, version);
    }
    ++libraries;
  }
  return {{.name = ".dynstr", .type = SHT_STRTAB, .content = strings},
          {.name = ".gnu.version_r",
           .type = SHT_GNU_verneed,
           .content = needs,
           .link = first,
           .info = libraries}};
}

inline std::string elf_asking_for(const std::vector<NeededVersion>& versions,
                                  uint16_t machine = EM_X86_64) {
  return make_elf(version_sections(versions), machine);
}

/// A library with GPU code in `section`.
inline std::string elf_with_code(Bytes code, const std::string& section = ".nv_fatbin") {
  return make_elf({{.name = section, .content = std::string(as_text(code))}});
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

}  // namespace eb::test
