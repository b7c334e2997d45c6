#include "bundler/demand/elf_file.hpp"

#include <fcntl.h>

#include <cstring>

namespace eb {

std::optional<ElfFile> open_elf(const std::filesystem::path& path) {
  Sys& sys = real_sys();
  ElfFile out;
  out.fd = open_at(sys, AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW, 0, path.string());
  char magic[SELFMAG];
  if (pread_up_to(sys, out.fd.get(), magic, sizeof magic, 0, path.string()) != sizeof magic ||
      std::memcmp(magic, ELFMAG, SELFMAG) != 0) {
    return std::nullopt;
  }
  elf_version(EV_CURRENT);
  out.elf.reset(elf_begin(out.fd.get(), ELF_C_READ, nullptr));
  if (out.elf == nullptr || elf_kind(out.elf.get()) != ELF_K_ELF ||
      gelf_getehdr(out.elf.get(), &out.header) == nullptr) {
    return std::nullopt;
  }
  return out;
}

}  // namespace eb
