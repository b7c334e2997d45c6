#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "bundler/fetch/cache.hpp"
#include "installer/base/digest.hpp"
#include "installer/base/file.hpp"

namespace eb {

/// A download under way: bytes [0, size) of one artifact in the cache's partial folder, hashed
/// while they are appended, so that a whole file is read only by the network. Owned by one process
/// at a time (flock on the file itself); left in place when the object dies, for the next run. One
/// thread at a time, but size_bytes() may be asked by any.
class PartialFile {
 public:
  /// nullptr when another process holds it. What an earlier run left is read and hashed here, which
  /// takes seconds for gigabytes; more than `limit_bytes` is thrown away.
  /// On a file system without locks the file gets a name of its own and is removed at the end.
  static std::unique_ptr<PartialFile> open(const ArtifactCache& cache, const Sha256& digest,
                                           uint64_t limit_bytes);
  /// Under a name of its own, for when the holder of the usual one does not move.
  static std::unique_ptr<PartialFile> open_private(const ArtifactCache& cache,
                                                   const Sha256& digest);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size_bytes() const { return size_bytes_.load(std::memory_order_relaxed); }
  /// Throws system_error(); what was appended before stays.
  void append(Bytes data);
  /// Back to zero bytes; the validator is forgotten too.
  void discard();
  /// Digest of all bytes so far. Call once, when the size is right; append() must not follow.
  Sha256 digest();
  /// Moves the file into the cache. The caller has compared digest().
  std::filesystem::path adopt(const Sha256& digest);

  /// ETag under which the bytes came from `url`, "" when none is known for that URL (RFC 9110
  /// §13.1.5). Kept beside the file without the URL itself, which may hold a password.
  std::string validator_for(const std::string& url) const;
  void set_validator(const std::string& url, const std::string& etag);

 private:
  PartialFile(const ArtifactCache& cache, std::filesystem::path path, Fd fd, bool is_private);
  void load(uint64_t limit_bytes);
  std::filesystem::path validator_path() const;

  const ArtifactCache& cache_;
  std::filesystem::path path_;
  Fd fd_;
  bool is_private_;
  bool adopted_ = false;
  std::atomic<uint64_t> size_bytes_{0};
  Sha256Hasher hasher_;
  std::string validator_;  ///< hex digest of the URL, a space, the ETag
};

/// Bytes on disk of the partial file that another process writes; 0 when there is none.
uint64_t partial_size_on_disk(const ArtifactCache& cache, const Sha256& digest);

/// Removes private partial files that ended processes left behind (older than a day).
void remove_stale_partials(const ArtifactCache& cache);

}  // namespace eb
