#include "installer/install/directory_cache.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"

namespace eb {

DirectoryCache::Slot* DirectoryCache::find(std::string_view path) {
  for (Slot& slot : slots_) {
    if (slot.path == path) {
      slot.used = ++clock_;
      return &slot;
    }
  }
  return nullptr;
}

int DirectoryCache::keep(std::string path, Fd fd) {
  Slot slot{std::move(path), std::move(fd), ++clock_};
  if (slots_.size() < capacity_) {
    slots_.push_back(std::move(slot));
    return slots_.back().fd.get();
  }
  const auto oldest = std::ranges::min_element(slots_, {}, &Slot::used);
  *oldest = std::move(slot);
  return oldest->fd.get();
}

int DirectoryCache::open(std::string_view path) {
  const int fd = try_open(path);
  if (fd < 0) throw system_error(-fd, "cannot open the folder", where(path));
  return fd;
}

int DirectoryCache::try_open(std::string_view path) {
  if (path.empty()) return root_;
  if (const Slot* slot = find(path)) return slot->fd.get();
  // The deepest ancestor that is open already, then one step a component.
  std::string_view known = path;
  int at = root_;
  while (!known.empty()) {
    const size_t slash = known.rfind('/');
    known = slash == std::string_view::npos ? std::string_view() : known.substr(0, slash);
    if (const Slot* slot = known.empty() ? nullptr : find(known)) {
      at = slot->fd.get();
      break;
    }
  }
  Fd held;
  while (true) {
    const size_t begin = known.empty() ? 0 : known.size() + 1;
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name(path.substr(begin, end - begin));
    known = path.substr(0, end);
    int fd = 0;
    do {
      fd = sys_.openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    } while (fd == -EINTR);
    if (fd < 0) return fd;
    Fd next(sys_, fd);
    if (end == path.size()) return keep(std::string(path), std::move(next));
    // Parents are worth a slot where there are several: the next directory is often their child.
    if (capacity_ >= 8) {
      at = keep(std::string(known), std::move(next));
    } else {
      held = std::move(next);
      at = held.get();
    }
  }
}

}  // namespace eb
