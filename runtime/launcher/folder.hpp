#pragma once

#include "runtime/launcher/system.hpp"
#include "runtime/launcher/text.hpp"

namespace eb::launcher {

struct FolderEntry {  // linux_dirent64
  uint64_t inode;
  int64_t next;
  uint16_t size;
  uint8_t type;
  char name[1];
};

/// Calls `use` for every name in a directory, "." and ".." among them. False when it cannot be
/// read.
template <typename Use>
bool for_each_name(const char* directory, Use use) {
  const long fd = open(directory, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return false;
  constexpr size_t kSize = size_t{32} * 1024;
  auto* const buffer = static_cast<char*>(allocate(kSize));
  long got;
  while ((got = list(fd, buffer, kSize)) > 0) {
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const FolderEntry*>(buffer + at);
      use(View(static_cast<const char*>(entry->name)));
      at += entry->size;
    }
  }
  close(fd);
  return got == 0;
}

}  // namespace eb::launcher
