#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "bundler/artifact/tar.hpp"

namespace eb {

/// A Debian binary package (deb(5)): what its control.tar says, then the entries of its data.tar
/// one by one. Paths come without the leading "./" ("usr/bin/git"); "" is the root itself.
///
///   DebReader deb(path, "git 1:2.39.5");
///   while (deb.next(entry)) … deb.read(buffer, size) …
///
/// Strict (FAULTS F061, F062): magic, then debian-binary, control.tar and data.tar in this order
/// and each once; members whose names begin with '_' may stand before data.tar; what comes after it
/// is not looked at, but for a second data.tar. Maintainer scripts are readable and never run.
class DebReader {
 public:
  /// `name` is what errors call the package; empty: the file's own name.
  explicit DebReader(const std::filesystem::path& path, std::string name = "");

  /// The files of control.tar by name: "control", "md5sums", "conffiles", "postinst" …
  const std::map<std::string, std::string>& control_files() const { return control_files_; }
  /// A field of the control file, continuation lines joined with '\n' (their first blank removed);
  /// "" when it is absent. Names compare without case.
  std::string field(std::string_view name) const;

  bool next(TarEntry& entry) { return data_->next(entry); }
  size_t read(void* buffer, size_t size) { return data_->read(buffer, size); }

 private:
  struct Member {
    std::string name;
    uint64_t offset = 0;
    uint64_t size_bytes = 0;
  };
  bool read_member(uint64_t& at, Member& member) const;
  void read_control(const Member& member);

  InputFile file_;
  std::map<std::string, std::string> control_files_;
  std::unique_ptr<TarReader> data_;
};

}  // namespace eb
