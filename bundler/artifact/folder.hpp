#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {

/// One path below a folder.
struct FolderEntry {
  enum class Type { kFile, kDirectory, kSymlink } type = Type::kFile;
  RelPath path;
  bool executable = false;  ///< the owner may execute; files only
  uint64_t size_bytes = 0;
  Sha256 digest;
  std::string target;  ///< symlinks only
};

/// A folder as an artifact. Its canonical listing is one line an entry, ordered bytewise by path,
/// fields parted by one tab, each line ended by "\n":
///
///     directory  PATH
///     file       PATH  SIZE_BYTES  SHA256      (regular files without execute bit)
///     executable PATH  SIZE_BYTES  SHA256
///     symlink    PATH  TARGET
///
/// The lock's size and digest of a folder (lock.hpp) are those of this text: they change with any
/// name, content, execute bit or link, and with nothing else (no owner, no time, no other mode
/// bit).
struct FolderListing {
  std::vector<FolderEntry> entries;  ///< ordered by path; the folder itself is not among them
  std::string text;

  Sha256 digest() const { return sha256(as_bytes(text)); }
  uint64_t size_bytes() const { return text.size(); }
};

/// Reads and hashes everything below `root`. Throws bad_artifact() for a name that breaks a rule of
/// RelPath, a link target with control characters, devices, FIFOs and sockets; system_error() for
/// what cannot be read. Symlinks are not followed, `root` itself may be one.
FolderListing list_folder(const std::filesystem::path& root);

}  // namespace eb
