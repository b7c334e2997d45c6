#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/file.hpp"
#include "installer/base/sys.hpp"

namespace eb {

/// The machine's own files below a root ("" = /). Nothing throws: what cannot be read is not there.
/// Symlinks are followed here and not by the kernel, so that an absolute one stays below the root.
/// Reads are bounded, never wait, and open regular files alone: opening a GPU's node would wake it.
class HostFiles {
 public:
  HostFiles(Sys& sys, std::string root) : sys_(&sys), root_(std::move(root)) {}

  /// The first `max_bytes` bytes. Sizes are not asked for: /proc says 0.
  std::optional<std::string> read(const std::string& path, size_t max_bytes = 64u << 10) const;
  /// read() up to the first newline, without white space at its ends; empty when there is none.
  std::string first_line(const std::string& path) const;
  /// A regular file for reading; an empty Fd otherwise.
  Fd open(const std::string& path) const;
  /// Names in a folder, sorted; empty when it cannot be listed.
  std::vector<std::string> names(const std::string& folder) const;
  bool exists(const std::string& path) const { return info(path).has_value(); }
  std::optional<struct stat> info(const std::string& path) const;
  /// 0 when this user may do it, else an errno. `mode` as for access(2).
  int access_error(const std::string& path, int mode) const;
  /// Path below the root without symlinks; nullopt when it leads nowhere.
  std::optional<std::string> real_path(const std::string& path) const;
  Sys& sys() const { return *sys_; }

 private:
  Sys* sys_;
  std::string root_;
};

/// Without white space at both ends.
std::string trimmed_text(std::string_view text);
/// Lines without their newlines.
std::vector<std::string> text_lines(std::string_view text);
/// Digits only, in base 10 or 16; nullopt otherwise.
std::optional<uint64_t> number_of(std::string_view text, int base = 10);
/// "EACCES" and the like, for what access_error() gives.
std::string errno_name(int error);

}  // namespace eb
