#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// kConda and kRedist are the seam for a later issue: they parse, and using one is a clear error.
enum class ArtifactKind { kWheel, kDeb, kTar, kFile, kFolder, kRedist, kConda };
std::string_view to_string(ArtifactKind kind);

/// One fetched file of the lock. For a folder, size and digest are of its canonical listing
/// (lock.cpp).
struct Artifact {
  ArtifactKind kind = ArtifactKind::kFile;
  std::string name;  ///< normalised: PEP 503 for wheels, package name for debs
  std::string version;
  std::string file_name;  ///< no slash
  uint64_t size_bytes = 0;
  Sha256 digest;
  std::string licence;  ///< SPDX expression, or the artifact's own words; "" = not stated
  std::vector<std::string> asked_by;  ///< names of artifacts, or "manifest"; sorted
  /// Where it lies below an archive's root (debs: "pool/main/…"), or the path or URL that the
  /// manifest names for tar, file and folder; empty for wheels. Never a host name of a package
  /// archive or index.
  std::string source;
  std::string archive;  ///< debs: "debian" | "debian-security" – the tree on snapshot.debian.org
  std::string destination;        ///< tar, file, folder: where it goes in the release; "" = root
  uint32_t strip_components = 0;  ///< tar

  bool operator==(const Artifact&) const = default;
};

struct Lock {
  int lock_version = 1;
  std::string manifest_name;  ///< e.g. pytorch-2.8-cu128
  std::string version;        ///< the manifest's version, shown by `info`
  Sha256 manifest_digest;  ///< of the manifest's bytes at lock time: a changed manifest is noticed
  std::string platform;    ///< linux-x86_64
  std::string python;      ///< target Python, e.g. 3.11
  std::string glibc;       ///< target glibc floor for wheels, e.g. 2.28
  std::string suite;       ///< Debian suite of the base, e.g. bookworm; "" without a base
  std::string timestamp;   ///< archive's time at lock, YYYYMMDDThhmmssZ, for the snapshot
  int64_t epoch = 0;       ///< the same in seconds since 1970: mtime in the bundle
  std::string cuda;        ///< "" without CUDA
  std::string min_driver;
  std::vector<std::string> prune;  ///< glob patterns of paths left out of the release
  /// Environment modules that exclude this one; nullopt: the usual ones.
  std::optional<std::vector<std::string>> module_conflicts;
  /// What the manifest's author accepted, by the words that the artifacts use (NVIDIA's, say).
  std::vector<std::string> accepted_licences;
  std::vector<Artifact> artifacts;  ///< sorted by kind, name, version, file name

  bool operator==(const Lock&) const = default;
};

/// TOML text with a stable order and no host name. parse_lock(encode_lock(x)) == x.
std::string encode_lock(const Lock& lock);
/// Throws Error(kInvalidLock) naming `name`, line and field.
Lock parse_lock(std::string_view text, const std::string& name);

}  // namespace eb
