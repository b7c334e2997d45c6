#include "elf_maker.hpp"

#include <elf.h>

namespace eb::test {
namespace {

template <typename T>
void append(std::string* out, const T& value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Names {
 public:
  uint32_t add(const std::string& name) {
    const auto at = static_cast<uint32_t>(text_.size());
    text_ += name + '\0';
    return at;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_ = std::string(1, '\0');
};

std::string version_needs(const ElfPlan& plan, Names* names) {
  std::string out;
  if (plan.needs.empty()) return out;
  append(&out, Elf64_Verneed{.vn_version = 1,
                             .vn_cnt = static_cast<uint16_t>(plan.needs.size()),
                             .vn_file = names->add("libc.so.6"),
                             .vn_aux = sizeof(Elf64_Verneed),
                             .vn_next = 0});
  for (size_t i = 0; i < plan.needs.size(); ++i) {
    append(&out, Elf64_Vernaux{
                     .vna_hash = 0,
                     .vna_flags = 0,
                     .vna_other = static_cast<uint16_t>(2 + i),
                     .vna_name = names->add(plan.needs[i]),
                     .vna_next = i + 1 < plan.needs.size() ? uint32_t{sizeof(Elf64_Vernaux)} : 0});
  }
  return out;
}

std::string version_definitions(const ElfPlan& plan, Names* names) {
  std::string out;
  for (size_t i = 0; i < plan.defines.size(); ++i) {
    constexpr uint32_t kSize = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
    append(&out, Elf64_Verdef{.vd_version = 1,
                              .vd_flags = 0,
                              .vd_ndx = static_cast<uint16_t>(1 + i),
                              .vd_cnt = 1,
                              .vd_hash = 0,
                              .vd_aux = sizeof(Elf64_Verdef),
                              .vd_next = i + 1 < plan.defines.size() ? kSize : 0});
    append(&out, Elf64_Verdaux{.vda_name = names->add(plan.defines[i]), .vda_next = 0});
  }
  return out;
}

}  // namespace

std::string make_elf(const ElfPlan& plan) {
  Names names;
  const std::string needs = version_needs(plan, &names);
  const std::string definitions = version_definitions(plan, &names);
  const uint64_t needs_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  const uint64_t definitions_at = needs_at + needs.size();
  const uint64_t names_at = definitions_at + definitions.size();
  const uint64_t dynamic_at = (names_at + names.text().size() + 7) / 8 * 8;

  std::string dynamic;
  const auto entry = [&](int64_t tag, uint64_t value) {
    append(&dynamic, Elf64_Dyn{.d_tag = tag, .d_un = {.d_val = value}});
  };
  entry(DT_STRTAB, plan.base + names_at);
  entry(DT_STRSZ, names.text().size());
  if (!needs.empty()) entry(DT_VERNEED, plan.base + needs_at);
  if (!definitions.empty()) entry(DT_VERDEF, plan.base + definitions_at);
  entry(DT_NULL, 0);

  Elf64_Ehdr header{};
  for (size_t i = 0; i < SELFMAG; ++i) header.e_ident[i] = static_cast<unsigned char>(ELFMAG[i]);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = plan.machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;

  const uint64_t size = dynamic_at + dynamic.size();
  std::string out;
  append(&out, header);
  append(&out, Elf64_Phdr{.p_type = PT_LOAD,
                          .p_flags = PF_R,
                          .p_offset = 0,
                          .p_vaddr = plan.base,
                          .p_paddr = plan.base,
                          .p_filesz = size,
                          .p_memsz = size,
                          .p_align = 4096});
  append(&out, Elf64_Phdr{.p_type = PT_DYNAMIC,
                          .p_flags = PF_R,
                          .p_offset = dynamic_at,
                          .p_vaddr = plan.base + dynamic_at,
                          .p_paddr = plan.base + dynamic_at,
                          .p_filesz = dynamic.size(),
                          .p_memsz = dynamic.size(),
                          .p_align = 8});
  out += needs + definitions + names.text();
  out.resize(dynamic_at, '\0');
  return out + dynamic;
}

}  // namespace eb::test
