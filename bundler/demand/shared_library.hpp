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
  /// of it is first used, and not the tables for exceptions and debuggers: of libtorch_cuda.so 64
  /// of 968 MiB. Which sections are read was found by mincore(2) after `import torch` with empty
  /// caches; of .text the initialisers are spread over all of it.
  std::vector<ByteRange> read_at_load;
};

/// nullopt for what is no shared library. What cannot be read of it is as if it were not there.
/// Throws Error(kIo, kPermission). May be called by several threads at once.
std::optional<SharedLibrary> read_shared_library(const std::filesystem::path& path);

}  // namespace eb
