#pragma once

#include <filesystem>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/base/file.hpp"
#include "installer/format/container.hpp"

namespace eb {

/// The parts of a bundle that stand before its data, checked for size and shape only: nothing here
/// is verified.
struct BundleHeader {
  Fd fd;  ///< the open file
  Prologue prologue;
  std::vector<std::byte> index;
  std::vector<std::vector<std::byte>> signatures;
};

/// Throws Error(kMalformed), also when the file's size is not what the prologue says, and
/// Error(kDigestMismatch) when the index is not the one that the prologue names.
BundleHeader read_bundle_header(const std::filesystem::path& bundle);

/// Writes the bundle anew with another list of signatures, data unchanged, by temporary name and
/// rename. `header` comes from read_bundle_header() of the same file.
void replace_signatures(const std::filesystem::path& bundle, const BundleHeader& header,
                        const std::vector<std::vector<std::byte>>& signatures);

class OutputFile;
/// Writes everything that stands before the data; the data is `data_size` bytes long.
void write_header(OutputFile& file, Bytes index, Bytes signatures, uint64_t data_size);

}  // namespace eb
