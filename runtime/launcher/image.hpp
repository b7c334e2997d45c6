#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// The little-endian number of `bytes` bytes at an offset, aligned or not; 0 outside of the file.
uint64_t number(const Mapping& file, uint64_t offset, unsigned bytes);

inline uint32_t u32(const Mapping& file, uint64_t offset) {
  return static_cast<uint32_t>(number(file, offset, 4));
}

/// The text at an offset up to its NUL; "" outside of the file and without a NUL.
View text_at(const Mapping& file, uint64_t offset);

/// A 64-bit library of this machine: LD_LIBRARY_PATH often names directories of 32-bit ones too.
bool is_usable(const char* path);

}  // namespace eb::launcher
