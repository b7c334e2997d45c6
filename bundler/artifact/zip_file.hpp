#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bundler/artifact/zip_structure.hpp"

namespace eb {

/// A zip archive whose structure was checked (read_zip_structure()). Entries can be read in any
/// order, several at a time, also from several threads.
class ZipFile {
 public:
  /// `name` is what errors call it; empty: the file's own name.
  explicit ZipFile(const std::filesystem::path& path, std::string name = "");

  const std::string& name() const { return file_.name(); }
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// nullptr when there is none.
  const ZipEntry* find(std::string_view name) const;
  /// The whole entry; bad_artifact() when it is larger than `max_bytes`.
  std::string read(const ZipEntry& entry, uint64_t max_bytes) const;

  const InputFile& file() const { return file_; }

 private:
  InputFile file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, size_t> by_name_;
};

/// Streams one entry's content. At its end size and CRC-32 have been checked; memory does not grow
/// with the entry, and no more than its declared size is ever decoded (FAULTS F058).
class ZipEntryReader {
 public:
  /// Both must outlive this object.
  ZipEntryReader(const ZipFile& zip, const ZipEntry& entry);
  ~ZipEntryReader();
  ZipEntryReader(const ZipEntryReader&) = delete;
  ZipEntryReader& operator=(const ZipEntryReader&) = delete;

  /// Fills the buffer unless the end comes first; 0 at the end.
  size_t read(void* buffer, size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eb
