#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "installer/base/version.hpp"

namespace eb {

struct ElfNeeds {
  uint16_t machine = 0;                ///< EM_X86_64, EM_AARCH64, …
  std::optional<DottedVersion> glibc;  ///< newest GLIBC_2.N asked for; nullopt = none
};

/// Read from .gnu.version_r. Names that are no version (GLIBC_PRIVATE, GLIBC_ABI_…) do not count,
/// nor do weak ones, without which the loader starts a program too. nullopt for what is no ELF
/// file. A part that cannot be read is as if it were not there: no loader would take it either.
/// Throws Error(kIo, kPermission). May be called by several threads at once.
std::optional<ElfNeeds> read_elf_needs(const std::filesystem::path& path);

}  // namespace eb
