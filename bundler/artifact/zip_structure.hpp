#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bundler/artifact/input_file.hpp"

namespace eb {

/// One file or directory of a zip archive, as its central and its local header agree on it.
struct ZipEntry {
  std::string name;  ///< without the slash that ends a directory's; a valid RelPath
  bool directory = false;
  bool executable = false;  ///< a Unix regular file with an execute bit, as pip decides it
  bool deflated = false;    ///< else stored
  uint64_t size_bytes = 0;
  uint64_t compressed_bytes = 0;
  uint64_t data_offset = 0;
  uint32_t crc = 0;
};

/// Reads the structure of a zip archive (APPNOTE.TXT 6.3) without decoding content, in the order of
/// the central directory. Strict, because two readers that take different headers for the truth see
/// different files (FAULTS F047–F058): the file is local entries without a gap or overlap, the
/// central directory, its end records, and nothing else; both headers of an entry agree on all that
/// they both say; names are unique, UTF-8 and inside the root; stored and deflated only; no
/// encryption, no symlinks, no several disks, no ZIP64 field that contradicts a 32-bit one. Throws
/// bad_artifact() naming archive and entry. Memory: a small multiple of the central directory.
std::vector<ZipEntry> read_zip_structure(const InputFile& file);

}  // namespace eb
