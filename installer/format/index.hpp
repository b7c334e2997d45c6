#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {

inline constexpr uint32_t kMaxEntries = 1u << 22;
inline constexpr uint32_t kMaxFrames = 1u << 20;
inline constexpr uint32_t kMaxSections = 64;
inline constexpr uint32_t kMaxMetaKeys = 256;
inline constexpr size_t kMaxMetaKeySize = 64;               ///< bytes
inline constexpr size_t kMaxMetaValueSize = 64u << 10;      ///< bytes
inline constexpr size_t kMaxNameSize = 64;                  ///< bytes of meta "name"
inline constexpr uint64_t kMaxFileSize = 1ull << 40;        ///< bytes
inline constexpr size_t kMaxLinkTargetSize = 1024;          ///< bytes
inline constexpr unsigned kMaxLinkHops = 40;                ///< as many as Linux follows
inline constexpr uint32_t kMaxDirectoryEntries = 1u << 20;  ///< names in one directory
inline constexpr uint64_t kMaxEpoch = (1ull << 33) - 1;     ///< what a ustar header can hold
inline constexpr uint64_t kMaxCounter = (1ull << 53) - 1;   ///< exact in every JSON reader

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

/// Permissions that an entry has when it is installed (FORMAT §5); a symlink has none of its own.
constexpr unsigned mode_of(const Entry& entry) {
  return entry.type == EntryType::kDirectory || entry.executable ? 0755 : 0644;
}

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
inline constexpr char kRecommendedDriver[] = "recommended-driver";  ///< e.g. 570.124.06
inline constexpr char kGpuSass[] = "gpu-sass";  ///< e.g. "7.5 8.0 9.0": machine code for these
inline constexpr char kGpuPtx[] = "gpu-ptx";    ///< the same for PTX; absent = none
inline constexpr char kGlibcNeeded[] = "glibc-needed";  ///< e.g. 2.28: what the files ask for
inline constexpr char kCudaCompat[] = "cuda-compat";  ///< version of lib/cuda-compat; absent = none
inline constexpr char kNotAfter[] = "not-after";  ///< seconds since 1970; absent = never expires
inline constexpr char kCounter[] = "counter";     ///< release counter, decimal
inline constexpr char kLicences[] = "licences";   ///< SPDX-like expressions, comma separated
}  // namespace meta_key

/// A section that this version does not know and may ignore (FORMAT §3). It is kept as it was read,
/// so that an accepted index encodes to the bytes that it came from.
struct OptionalSection {
  std::string name;  ///< [a-z][a-z0-9-]{0,15}
  std::vector<std::byte> data;

  bool operator==(const OptionalSection&) const = default;
};

struct Index {
  /// Name, platform and epoch must be there. Keys match [a-z0-9-]{1,64}; values are printable UTF-8
  /// of at most 64 KiB.
  std::map<std::string, std::string> meta;
  std::vector<Frame> frames;
  std::vector<Entry> entries;  ///< sorted by path, unique, every parent directory present
  std::vector<OptionalSection> optional_sections;  ///< sorted by name, unique

  bool operator==(const Index&) const = default;
};

/// The one encoding of `index` (FORMAT §3). Throws Error(kInternal) when parse_index() would refuse
/// it; `where` and `why` are then those of check_index() or check_layout().
std::vector<std::byte> encode_index(const Index& index);

/// Parses and checks everything that FORMAT §3–§6 demands: canonical encoding, caps, path rules of
/// the set (FAULTS F091–F107), frames and files that tile the tar stream without gap or overlap.
/// Throws Error(kMalformed); `where` names section and byte offset. Allocates no more than a small
/// multiple of `data.size()`.
Index parse_index(Bytes data);

/// The rules for meta (FORMAT §6) and for entries as a set (§5), not for frames and offsets, so
/// that a tree can be checked before it is packed: throws Error(kMalformed).
void check_index(const Index& index);

/// The rules for frames (FORMAT §4) and for the tar stream that they decode to (§7): each file's
/// offset is where the stream puts it, and the raw sizes add up to the stream. For an index that
/// check_index() accepts. Throws Error(kMalformed).
void check_layout(const Index& index);

/// Largest compressed size that a frame of `raw_size` bytes may state: what zstd needs for bytes
/// that do not compress, rounded up (FORMAT §4).
constexpr uint64_t max_compressed_size(uint64_t raw_size) {
  return raw_size + raw_size / 128 + 1024;
}

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
