#include "bundler/sign/stamp.hpp"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "bundler/pack/output_file.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/install/trust_anchors.hpp"

namespace eb {
namespace {

constexpr size_t kMaxProgramSize = 256u << 20;

struct Section {
  size_t offset = 0;
  size_t size = 0;
};

Error no_section(const std::string& name, std::string why) {
  return Error(ExitCode::kUsage, "this file is not an envinstall that can be stamped")
      .where(name)
      .why(std::move(why))
      .hint("name the static envinstall of this release with --installer FILE");
}

Section find_section(std::vector<std::byte>& program, const std::string& name) {
  if (elf_version(EV_CURRENT) == EV_NONE) throw Error(ExitCode::kInternal, "libelf is too old");
  const std::unique_ptr<Elf, int (*)(Elf*)> elf(
      elf_memory(reinterpret_cast<char*>(program.data()), program.size()), elf_end);
  size_t names = 0;
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF || elf_getshdrstrndx(elf.get(), &names) != 0) {
    throw no_section(name, "it is not an ELF file");
  }
  for (Elf_Scn* at = nullptr; (at = elf_nextscn(elf.get(), at)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(at, &header) == nullptr) continue;
    const char* section = elf_strptr(elf.get(), names, header.sh_name);
    if (section == nullptr || std::strcmp(section, kTrustSectionName) != 0) continue;
    if (header.sh_type != SHT_PROGBITS || header.sh_size != kTrustSectionSize ||
        header.sh_offset > program.size() || header.sh_size > program.size() - header.sh_offset) {
      throw no_section(name, std::string("its section ") + kTrustSectionName +
                                 " has not the form that this envbundle knows");
    }
    const Section found{static_cast<size_t>(header.sh_offset), static_cast<size_t>(header.sh_size)};
    if (as_text(Bytes(program).subspan(found.offset, kTrustMagic.size())) != kTrustMagic) {
      throw no_section(name, std::string("its section ") + kTrustSectionName +
                                 " does not begin with the magic of this version");
    }
    return found;
  }
  throw no_section(name, std::string("it has no section ") + kTrustSectionName);
}

}  // namespace

std::vector<std::byte> stamp_installer(std::vector<std::byte> program,
                                       std::string_view allowed_signers, const std::string& name) {
  const Section section = find_section(program, name);
  const size_t room = kMaxTrustText;
  if (allowed_signers.size() > room) {
    throw Error(ExitCode::kUsage, "too many signers for the installer's trust anchors")
        .where(name)
        .why(std::to_string(allowed_signers.size()) + " bytes of keys; there is room for " +
             std::to_string(room))
        .hint("sign with fewer keys, and let sites trust others with --allowed-signers");
  }
  std::byte* text = program.data() + section.offset + kTrustMagic.size();
  std::fill(text, text + room, std::byte{0});
  std::memcpy(text, allowed_signers.data(), allowed_signers.size());
  return program;
}

std::string installer_anchors(const std::vector<std::byte>& program, const std::string& name) {
  std::vector<std::byte> copy = program;
  const Section section = find_section(copy, name);
  const std::string_view text = as_text(
      Bytes(copy).subspan(section.offset + kTrustMagic.size(), section.size - kTrustMagic.size()));
  return std::string(text.substr(0, text.find('\0')));
}

void write_stamped_installer(const std::filesystem::path& installer,
                             const std::filesystem::path& output,
                             std::string_view allowed_signers) {
  const std::vector<std::byte> stamped = stamp_installer(
      read_file_at(real_sys(), AT_FDCWD, installer.c_str(), kMaxProgramSize, installer.string()),
      allowed_signers, installer.string());
  OutputFile out(output, 0755);
  out.write(stamped, 0);
  out.commit();
}

}  // namespace eb
