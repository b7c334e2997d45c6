#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace eb {

/// Bytes [offset, offset + size) of a file.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;

  bool operator==(const ByteRange&) const = default;
};

struct SharedLibrary {
  std::vector<std::string> needed;  ///< names that the loader looks for, in the order of the file
  /// What the loader and the library's own initialisers read of the file when it is loaded,
  /// ascending, apart from each other. Not the GPU code, which the CUDA driver reads when a kernel
  /// of it is first used, nor large tables of data (.ldata, in cuFFT 258 MiB), nor those for
  /// exceptions and debuggers: of libtorch_cuda.so 64 of 968 MiB. Which sections are read was found
  /// by /proc/self/pagemap after `import torch`. Of .text it is a tenth, spread over all of it; all
  /// the same a start from a cold disk is quicker with it (2.38 s; 2.68 s without .text, 2.66 s
  /// without a list).
  std::vector<ByteRange> read_at_load;
};

/// nullopt for what is no shared library. What cannot be read of it is as if it were not there.
/// Throws Error(kIo, kPermission). May be called by several threads at once.
std::optional<SharedLibrary> read_shared_library(const std::filesystem::path& path);

}  // namespace eb
