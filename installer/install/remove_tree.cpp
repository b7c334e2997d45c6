#include "installer/install/remove_tree.hpp"

#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <vector>

#include "installer/base/file.hpp"
#include "installer/base/rel_path.hpp"

namespace eb {
namespace {

int remove_content(Sys& sys, int dir, unsigned depth);

int remove_entry(Sys& sys, int dir, const char* name, unsigned char type, unsigned depth) {
  if (type != DT_DIR) {
    const int r = sys.unlinkat(dir, name, 0);
    // A file system that does not tell types answers EISDIR (POSIX: EPERM) for a directory.
    if (r == 0 || r == -ENOENT) return 0;
    if (r != -EISDIR && r != -EPERM) return r;
  }
  int fd = 0;
  do {
    fd = sys.openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  } while (fd == -EINTR);
  if (fd == -ENOENT) return 0;
  if (fd < 0) return fd;
  const Fd inner(sys, fd);
  const int r = remove_content(sys, inner.get(), depth + 1);
  const int own = sys.unlinkat(dir, name, AT_REMOVEDIR);
  return r < 0 ? r : own == -ENOENT ? 0 : own;
}

int remove_content(Sys& sys, int dir, unsigned depth) {
  // Deeper than any release; each level holds a descriptor.
  if (depth > RelPath::kMaxDepth + 2) return -ELOOP;
  std::vector<DirEntry> entries;
  if (const int r = sys.list(dir, &entries); r < 0) return r;
  int first = 0;
  for (const DirEntry& entry : entries) {
    const int r = remove_entry(sys, dir, entry.name.c_str(), entry.type, depth);
    if (r < 0 && first == 0) first = r;
  }
  return first;
}

}  // namespace

int remove_tree(Sys& sys, int dir, const std::string& name) noexcept {
  try {
    return remove_entry(sys, dir, name.c_str(), DT_DIR, 0);
  } catch (const std::exception&) {
    return -ENOMEM;
  }
}

}  // namespace eb
