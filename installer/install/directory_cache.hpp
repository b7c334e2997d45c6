#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/file.hpp"

namespace eb {

/// Descriptors of the directories below a root that were used last, so that a file needs no walk
/// from the root. Each step of a walk is one openat() that follows no link, so nobody can lead it
/// out (F112). For one thread; the descriptors are good for *at() calls only (O_PATH).
class DirectoryCache {
 public:
  /// `root` stays the caller's; at most `capacity` (at least 1) descriptors are kept open.
  /// `where` is the root's path for messages.
  DirectoryCache(Sys& sys, int root, size_t capacity, std::string where)
      : sys_(sys), root_(root), capacity_(capacity == 0 ? 1 : capacity), where_(std::move(where)) {}

  /// The directory at `path`, "" being the root; valid until the next call. Throws Error.
  int open(std::string_view path);
  /// The same, or -errno.
  int try_open(std::string_view path);

  /// "ROOT/PATH", for messages.
  std::string where(std::string_view path) const { return where_ + "/" + std::string(path); }

 private:
  struct Slot {
    std::string path;
    Fd fd;
    uint64_t used = 0;
  };
  Slot* find(std::string_view path);
  int keep(std::string path, Fd fd);

  Sys& sys_;
  int root_;
  size_t capacity_;
  std::string where_;
  std::vector<Slot> slots_;
  uint64_t clock_ = 0;
};

}  // namespace eb
