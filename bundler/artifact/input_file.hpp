#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "installer/base/file.hpp"

namespace eb {

/// A regular file open for reading at any offset. `name` is what errors call it.
class InputFile {
 public:
  /// `name` empty: the file's own name.
  explicit InputFile(const std::filesystem::path& path, std::string name = "");

  uint64_t size() const { return size_bytes_; }
  const std::string& name() const { return name_; }

  /// How many bytes were read: `size`, or fewer at the end.
  size_t read_at(uint64_t offset, void* buffer, size_t size) const;
  /// Exactly `size` bytes, else bad_artifact("… is cut short").
  std::vector<std::byte> read_exactly(uint64_t offset, size_t size) const;

 private:
  std::string name_;
  std::string path_;
  Fd fd_;
  uint64_t size_bytes_ = 0;
};

}  // namespace eb
