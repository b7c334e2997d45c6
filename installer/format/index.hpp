#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {

// What a bundle says about itself: the signed index. FORMAT.md beside this file is the text; its
// section numbers are given here.

enum class EntryType : uint8_t { kDirectory = 1, kFile = 2, kSymlink = 3 };

/// One path of the tree (FORMAT §5). Directories are 0755, files 0644 or 0755 (`executable`),
/// symlinks have no mode. `offset` is where the file's tar header begins in the decoded stream;
/// only files have size, digest and offset, only symlinks a target.
struct Entry {
  RelPath path;
  EntryType type = EntryType::kFile;
  bool executable = false;
  uint64_t size_bytes = 0;
  uint64_t offset = 0;
  Sha256 digest;
  std::string target;

  bool operator==(const Entry&) const = default;
};

/// One zstd frame of the data part (FORMAT §4): frames lie back to back in file order and decode,
/// one after the other, to the tar stream.
struct Frame {
  uint64_t compressed_size = 0;
  uint64_t raw_size = 0;
  Sha256 digest;  ///< of the compressed bytes

  bool operator==(const Frame&) const = default;
};

/// Keys of Index::meta that the project itself reads (FORMAT §6). Others are carried and shown.
namespace meta_key {
inline constexpr char kName[] = "name";          ///< e.g. pytorch-2.8-cu128
inline constexpr char kVersion[] = "version";    ///< free text, shown
inline constexpr char kPlatform[] = "platform";  ///< linux-x86_64 | linux-aarch64
inline constexpr char kEpoch[] =
    "epoch";  ///< seconds since 1970: time of the lock, mtime in the tar stream
inline constexpr char kTool[] = "tool";  ///< "envbundle 0.1.0"
inline constexpr char kLockDigest[] = "lock-sha256";
inline constexpr char kMinInstaller[] = "min-installer";
inline constexpr char kMinKernel[] = "min-kernel";  ///< e.g. 3.10
inline constexpr char kGlibc[] = "glibc";           ///< version of the bundle's own glibc
inline constexpr char kPython[] = "python";         ///< e.g. 3.11.2
inline constexpr char kCuda[] = "cuda";             ///< e.g. 12.8; absent in a bundle without CUDA
inline constexpr char kMinDriver[] = "min-driver";  ///< e.g. 525.60.13
inline constexpr char kNotAfter[] = "not-after";    ///< seconds since 1970; absent = never expires
inline constexpr char kCounter[] = "counter";       ///< release counter, decimal
inline constexpr char kLicences[] = "licences";     ///< SPDX-like expressions, comma separated
}  // namespace meta_key

struct Index {
  /// Keys match [a-z0-9-]{1,64}; values are printable UTF-8 of at most 64 KiB.
  std::map<std::string, std::string> meta;
  std::vector<Frame> frames;
  std::vector<Entry> entries;  ///< sorted by path, unique, every parent directory present

  bool operator==(const Index&) const = default;
};

/// The one encoding of `index` (FORMAT §3). Throws Error(kInternal) when check_index() would refuse
/// it.
std::vector<std::byte> encode_index(const Index& index);

/// Parses and checks everything that FORMAT §3–§6 demands: canonical encoding, caps, path rules of
/// the set (FAULTS F091–F107), frames and files that tile the tar stream without gap or overlap.
/// Throws Error(kMalformed); `where` names section and byte offset. Allocates no more than a small
/// multiple of `data.size()`.
Index parse_index(Bytes data);

/// The set rules alone, for a tree that is about to be packed: throws Error(kMalformed).
void check_index(const Index& index);

/// Totals that the plan and `info` need, computed, never stored.
struct IndexTotals {
  uint64_t files = 0, directories = 0, symlinks = 0;
  uint64_t file_bytes = 0;        ///< sum of file sizes
  uint64_t compressed_bytes = 0;  ///< sum of compressed frame sizes
  uint64_t raw_bytes = 0;         ///< length of the tar stream
  uint64_t largest_raw_frame = 0, largest_compressed_frame = 0;
};
IndexTotals totals(const Index& index);

}  // namespace eb
