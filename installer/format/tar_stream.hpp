#pragma once

#include <cstdint>
#include <vector>

#include "installer/format/index.hpp"

namespace eb {

// The decoded data frames are a POSIX.1-2001 tar stream (FORMAT §7), so that `zstd -dc B | tar -xf
// -` gives the same tree. The index alone rules: the installer *computes* each tar header from its
// entry and compares it with the stream; it never parses one.

/// The header blocks of `entry` (a multiple of 512 bytes): ustar, preceded by a pax `x` header
/// where path or target do not fit. Owner 0/0 with empty names, mtime = `epoch_seconds`. One entry
/// has one encoding.
std::vector<std::byte> tar_header(const Entry& entry, uint64_t epoch_seconds);

/// Size of tar_header() without making it.
uint64_t tar_header_size(const Entry& entry);

/// Zero bytes after a file's content up to the next multiple of 512.
uint64_t tar_padding(uint64_t size_bytes);

inline constexpr uint64_t kTarEndSize = 1024;  ///< two zero blocks

/// The stream's order: all directories by path, then files by `offset`, then symlinks by path.
/// Returns indexes into `index.entries`. The position of each is the sum of what stands before it.
std::vector<uint32_t> stream_order(const Index& index);

}  // namespace eb
