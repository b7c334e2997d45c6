#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// A tar archive, file or folder that the manifest itself names ([[tar]], [[file]], [[folder]]).
struct ManifestItem {
  enum class Kind { kTar, kFile, kFolder } kind = Kind::kFile;
  std::string name;  ///< as given, else the last part of path or URL
  std::string version;
  std::string source;            ///< a path as the manifest has it, or a URL
  bool is_url = false;           ///< then digest and size are known
  std::optional<Sha256> digest;  ///< folders: of their listing (bundler/artifact/folder.hpp)
  std::optional<uint64_t> size_bytes;
  std::string destination;  ///< "" = the release's root
  uint32_t strip_components = 0;
  std::string licence;
};

/// What a person writes (manifests/README.md has every key).
struct Manifest {
  std::string file;                 ///< for messages
  std::filesystem::path directory;  ///< paths of items are seen from here
  Sha256 digest;                    ///< of its bytes; with `extends`, of both files (manifest.cpp)
  std::string name;
  std::string version;

  std::string platform;  ///< linux-x86_64 | linux-aarch64
  std::string python;    ///< 3.11 or 3.11.2; "" without Python
  std::string glibc;     ///< newest manylinux tag that may be chosen: 2.36

  std::string suite;  ///< bookworm; "" without a base
  std::vector<std::string> packages, excluded_packages;
  std::vector<std::string> prune;  ///< glob patterns of paths in the release

  std::vector<std::string> requirements;  ///< PEP 508, as `pip install` takes them
  std::string pylock;                     ///< path of a pylock.toml, as the manifest has it

  /// Environment modules that exclude this one; nullopt: the usual ones (bundler/cli/module_files).
  std::optional<std::vector<std::string>> module_conflicts;

  std::string cuda;        ///< 12.8
  std::string min_driver;  ///< as given, else the floor of the CUDA major version

  std::vector<ManifestItem> items;
  std::vector<std::string> accepted_licences;

  std::string cuda_place;          ///< "FILE, line L, column C" of gpu.cuda
  std::vector<std::string> notes;  ///< what could not be checked and goes on
};

/// Reads a manifest and what it extends. Throws Error(kInvalidLock) with line and column for what
/// is wrong in it, Error(kUnresolvable) for a PyTorch that was never built for that CUDA or Python
/// (torch_builds.hpp), Error(kIo) for what cannot be read.
Manifest load_manifest(const std::filesystem::path& path);

/// The same from text. `directory` is where `extends` looks.
Manifest parse_manifest(std::string_view text, const std::string& file,
                        const std::filesystem::path& directory);

}  // namespace eb
