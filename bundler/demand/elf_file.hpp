#pragma once

#include <gelf.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "installer/base/file.hpp"

namespace eb {

/// An ELF file open for reading. libelf reads of it what is asked for: the headers at first.
struct ElfFile {
  struct End {
    void operator()(Elf* elf) const { elf_end(elf); }
  };
  Fd fd;
  std::unique_ptr<Elf, End> elf;  ///< ends before `fd` is closed
  GElf_Ehdr header{};
};

/// nullopt for a file of another kind, of which only the first bytes are read, and for one that
/// breaks off within its headers. A symlink is not followed. Throws Error(kIo, kPermission).
std::optional<ElfFile> open_elf(const std::filesystem::path& path);

}  // namespace eb
