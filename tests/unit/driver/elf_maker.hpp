#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eb::test {

/// A shared library as far as its version tables go: header, one loaded segment, dynamic section,
/// names, .gnu.version_r and .gnu.version_d. No sections.
struct ElfPlan {
  uint16_t machine = 62;             ///< EM_X86_64; 183 = EM_AARCH64
  std::vector<std::string> needs;    ///< versions asked of libc.so.6: GLIBC_2.17
  std::vector<std::string> defines;  ///< versions of its own
  uint64_t base = 0x1000;            ///< address of file offset 0, so that both differ
};

std::string make_elf(const ElfPlan& plan);

}  // namespace eb::test
