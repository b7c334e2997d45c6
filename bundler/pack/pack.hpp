#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bundler/pack/tree.hpp"
#include "installer/base/events.hpp"
#include "installer/format/index.hpp"

namespace eb {

struct PackOptions {
  int level = 0;         ///< 1 to kMaxLevel (frame_compressor.hpp); 0 = kDefaultLevel
  unsigned threads = 1;  ///< changes the time, never a byte; fewer run where memory would not do
  uint64_t frame_raw_size = 16ull << 20;  ///< at most; see frame_raw_size_of(level)
  /// Sizes of the blobs that the signer will return, where they are known beforehand: the data is
  /// then written where it stays. Otherwise it is moved once, when the signatures are there.
  std::vector<size_t> signature_sizes = {};
};

/// How the tar stream is cut into frames: the order of files and the raw size of each frame. A pure
/// function of the tree, so it can be printed and tested without a disk.
struct PackPlan {
  Index index;                   ///< entries with offsets; frames with raw_size only
  std::vector<uint32_t> stream;  ///< entries in stream order (format/tar_stream.hpp)
};
PackPlan plan_pack(const Tree& tree, const std::map<std::string, std::string>& meta,
                   const PackOptions& options);

/// Compresses into FILE (temporary name + rename). `signer` gets the encoded index and returns
/// SSHSIG blobs; without one the list of signatures is empty. Returns the index as written. Same
/// tree, meta and options → same bytes for any number of threads; at most kMaxPackMemory bytes are
/// held at once. Throws Error; FILE is then as it was.
inline constexpr uint64_t kMaxPackMemory = 1536ull << 20;
using Signer = std::function<std::vector<std::vector<std::byte>>(Bytes index)>;
Index write_bundle(const Tree& tree, const PackPlan& plan, const std::filesystem::path& file,
                   const PackOptions& options, const Signer& signer, EventSink& events);

}  // namespace eb
