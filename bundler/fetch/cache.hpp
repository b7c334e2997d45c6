#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "installer/base/digest.hpp"
#include "installer/base/sys.hpp"

namespace eb {

/// Content-addressed store of downloads, shared by all projects of a user, outside any of them:
/// DIR/sha256/ab/abcd… . Files appear by rename when their digest is known to be right; partial
/// downloads lie in DIR/partial. Safe for several threads and several processes at once.
class ArtifactCache {
 public:
  /// Made if missing. Default place: $ENVBUNDLE_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/envbundle.
  explicit ArtifactCache(std::filesystem::path directory, Sys& sys = real_sys());
  /// Throws Error(kUsage) when neither variable nor HOME says where.
  static std::filesystem::path default_directory();

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path path_of(const Sha256& digest) const;
  std::filesystem::path partial_path(const Sha256& digest) const;
  std::filesystem::path partial_directory() const { return directory_ / "partial"; }
  Sys& sys() const { return *sys_; }

  /// The cached file, re-hashed now (FAULTS F090). A file whose content is wrong is removed,
  /// reported through `*poisoned` and counts as absent. Throws when the file system fails.
  std::optional<std::filesystem::path> find(const Sha256& digest, uint64_t size_bytes,
                                            bool* poisoned = nullptr) const;
  /// Moves `file` (same file system) into the store and makes it durable; the caller has checked
  /// its digest. The file becomes read-only.
  std::filesystem::path adopt(const std::filesystem::path& file, const Sha256& digest) const;

 private:
  void remove_poisoned(const std::filesystem::path& path, ino_t inode) const;

  std::filesystem::path directory_;
  Sys* sys_;
};

/// A name in `directory` that no other process or thread uses now: PREFIX.PID.COUNTER.
std::filesystem::path unique_name(const std::filesystem::path& directory,
                                  const std::string& prefix);

}  // namespace eb
