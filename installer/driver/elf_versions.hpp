#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "installer/base/sys.hpp"

namespace eb {

/// Which glibc an ELF file asks for and which it is, from its version tables. Own reader because
/// the installer is one static program: libelf would bring zlib and its own view of bad files.
struct ElfVersions {
  uint16_t machine = 0;   ///< EM_X86_64 = 62, EM_AARCH64 = 183
  int needs_glibc = 0;    ///< N of the highest GLIBC_2.N in .gnu.version_r; 0 = none
  int defines_glibc = 0;  ///< N of the highest GLIBC_2.N in .gnu.version_d: libc.so.6 itself
};

/// Reads up to `size` bytes at `offset`; returns how many there were.
using ReadAt = std::function<size_t(uint64_t offset, void* to, size_t size)>;

/// nullopt when it is no 64-bit little-endian ELF file or its tables make no sense. Bytes are
/// believed nowhere: whatever the file says, at most a few MiB are read and nothing is kept. Goes
/// the loader's way (program headers, dynamic section), so a file without section headers is read.
std::optional<ElfVersions> read_elf_versions(const ReadAt& read);
/// The same for an open file; nullopt also when it cannot be read.
std::optional<ElfVersions> read_elf_versions(Sys& sys, int fd);

}  // namespace eb
