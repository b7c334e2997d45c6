#pragma once

#include <string>

namespace eb::metrics {

/// A file that others read while it is written anew: each text goes into a temporary file beside it
/// (its name begins with a dot, so that the textfile collector passes it over) and is renamed. The
/// file is removed with the object: figures that nobody updates would look like present ones.
class WrittenFile {
 public:
  explicit WrittenFile(std::string path) : path_(std::move(path)) {}
  ~WrittenFile();
  WrittenFile(const WrittenFile&) = delete;
  WrittenFile& operator=(const WrittenFile&) = delete;

  /// Mode 0644. Throws Error (kNoSpace, kPermission, kIo); the old text stands then.
  void write(const std::string& text);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool is_there_ = false;
};

}  // namespace eb::metrics
