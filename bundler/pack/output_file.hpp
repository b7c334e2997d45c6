#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "bundler/pack/temporaries.hpp"
#include "installer/base/file.hpp"

namespace eb {

/// A file that appears under its name whole or not at all: written as ".NAME.partial" beside it,
/// made durable, renamed by commit(). Without commit() the destructor removes it, and so does
/// remove_temporaries(). A partial file that a killed process left is taken over; one that a living
/// process writes is Error(kBusy).
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path, mode_t mode = 0644);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  int fd() const { return fd_.get(); }
  const std::filesystem::path& path() const { return path_; }
  /// For messages: the name that the file will have.
  std::string where() const { return path_.string(); }

  void write(Bytes data, uint64_t offset);
  /// Copies a range of another file to `to`; in the kernel where it can.
  void copy_from(int source, const std::string& source_where, uint64_t from, uint64_t size_bytes,
                 uint64_t to);
  /// Moves `size_bytes` bytes, the file's last ones, from `from` to `to`.
  void move_tail(uint64_t from, uint64_t size_bytes, uint64_t to);
  /// fsync, rename, fsync of the folder.
  void commit();

 private:
  bool is_in_place() const;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  Fd fd_;
  std::unique_ptr<Temporary> registration_;
  bool committed_ = false;
};

}  // namespace eb
