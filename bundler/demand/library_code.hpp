#pragma once

#include <filesystem>
#include <optional>

#include "bundler/demand/fatbin.hpp"

namespace eb {

/// GPU code of a library or object file.
struct LibraryCode {
  GpuCode loadable;     ///< of sections .nv_fatbin: what the runtime loads
  GpuCode relocatable;  ///< of sections __nv_relfatbin: input of a device linker
};

/// nullopt for what is no ELF file. Only pages with headers are touched, so that a library of 1 GB
/// takes milliseconds. A section that leads out of the file counts as skipped bytes. The file must
/// not change meanwhile. Throws Error(kIo, kPermission). May be called by several threads at once.
std::optional<LibraryCode> read_library_code(const std::filesystem::path& path);

}  // namespace eb
