#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "bundler/artifact/decompressor.hpp"

namespace eb {

/// One entry of a tar archive.
struct TarEntry {
  enum class Type { kFile, kDirectory, kSymlink, kHardLink } type = Type::kFile;
  /// Without a leading "./" and a trailing "/"; otherwise a valid RelPath, or "" for the archive's
  /// root itself.
  std::string path;
  /// Symlinks: the text as it stands (it may be absolute). Hard links: the path of an earlier file
  /// of the same archive, cleaned as `path` is.
  std::string target;
  uint64_t size_bytes = 0;  ///< files only
  uint32_t mode = 0;        ///< the permission bits as they stand, setuid and the like included

  bool executable() const { return (mode & 0111) != 0; }
};

/// Reads a tar archive front to back: v7, ustar, GNU long names and base-256 numbers, pax. Strict
/// (FAULTS F061): a checksum, number or name that breaks the format, two different sizes for one
/// entry, chains of long names, sparse files, global pax headers that name files, devices, FIFOs,
/// entries outside the root and data after the end are errors that name archive and entry.
class TarReader {
 public:
  /// The compression follows the file's name: .tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.zst, .tzst,
  /// .tar.bz2, .tbz2. `name` is what errors call it; empty: the file's own name.
  explicit TarReader(const std::filesystem::path& path, const std::string& file_name = "",
                     const std::string& name = "");
  /// A range of a file; `file` must outlive this object.
  TarReader(const InputFile& file, uint64_t offset, uint64_t size_bytes, Decompressor::Codec codec,
            uint64_t max_decoded_bytes = Decompressor::kDefaultMaxBytes);
  ~TarReader();
  TarReader(TarReader&&) noexcept;

  /// False after the last entry. What was not read of the entry before is skipped.
  bool next(TarEntry& entry);
  /// Content of the entry that next() gave; 0 at its end.
  size_t read(void* buffer, size_t size);

 private:
  struct Pax;
  void read_block(std::byte* block);
  std::string read_text(uint64_t size_bytes, const char* what);
  void read_pax(const std::string& text, Pax& pax) const;
  void skip(uint64_t size_bytes);
  void check_end();
  [[noreturn]] void fail(std::string what, std::string why) const;

  std::unique_ptr<InputFile> own_file_;
  std::string name_;
  std::unique_ptr<Decompressor> data_;
  std::string entry_name_;  ///< of the entry at hand, for errors
  uint64_t left_bytes_ = 0;
  uint64_t padding_bytes_ = 0;
  bool ended_ = false;
};

/// True when a file name ends like an archive that TarReader reads.
bool is_tar_name(const std::string& file_name);

}  // namespace eb
