#include "bundler/stage/staging.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unordered_map>

#include "bundler/stage/name_folding.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kBufferBytes = size_t{256} * 1024;
constexpr int kMaxLinksFollowed = 40;  // as the kernel (path_resolution(7))

using Type = Staging::Item::Type;

std::string describe(const Staging::Item& item) {
  switch (item.type) {
    case Type::kDirectory:
      return "a directory";
    case Type::kSymlink:
      return "a symlink to " + item.target;
    case Type::kFile:
      break;
  }
  return std::string(item.executable ? "an executable" : "a file") + " of " +
         std::to_string(item.size_bytes) + " bytes with sha256 " + item.digest.hex().substr(0, 16) +
         "…";
}

bool same(const Staging::Item& a, const Staging::Item& b) {
  if (a.type != b.type) return false;
  if (a.type == Type::kDirectory) return true;
  if (a.type == Type::kSymlink) return a.target == b.target;
  return a.executable == b.executable && a.size_bytes == b.size_bytes && a.digest == b.digest;
}

void add_origin(Staging::Item& item, std::string_view origin) {
  if (std::find(item.origins.begin(), item.origins.end(), origin) == item.origins.end()) {
    item.origins.emplace_back(origin);
  }
}

void make_directory(const std::filesystem::path& path) {
  const int result = real_sys().mkdirat(AT_FDCWD, path.c_str(), 0755);
  if (result < 0 && result != -EEXIST) {
    throw system_error(-result, "cannot make a directory", path.string());
  }
}

std::vector<std::byte>& copy_buffer() {
  thread_local std::vector<std::byte> buffer(kBufferBytes);
  return buffer;
}

Staging::Reader reader_of(Bytes content) {
  return [content](void* buffer, size_t size) mutable {
    const size_t count = std::min(size, content.size());
    std::copy_n(content.data(), count, static_cast<std::byte*>(buffer));
    content = content.subspan(count);
    return count;
  };
}

}  // namespace

Staging::Staging(std::filesystem::path root) : root_(std::move(root)) {
  std::error_code error;
  std::filesystem::create_directories(root_, error);
  if (error) throw system_error(error.value(), "cannot make the staging folder", root_.string());
  if (!std::filesystem::is_empty(root_, error)) {
    throw Error(ExitCode::kIo, "the staging folder is not empty").where(root_.string());
  }
}

Staging::Content Staging::add_file(const RelPath& path, Bytes content, bool executable,
                                   std::string_view origin) {
  return add_file(path, reader_of(content), executable, origin);
}

Staging::Content Staging::add_file(const RelPath& path, const Reader& read, bool executable,
                                   std::string_view origin) {
  bool placeable = false;
  bool writes = false;
  {
    const std::scoped_lock lock(mutex_);
    placeable = make_parents(path, origin);
    writes = placeable && !items_.contains(path) && being_written_.try_emplace(path, origin).second;
  }
  Content content;
  try {
    content = writes ? write(path, read, executable) : hash(read);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (writes) being_written_.erase(path);
    throw;
  }
  const std::scoped_lock lock(mutex_);
  if (writes) being_written_.erase(path);
  if (placeable) {
    record(path,
           {.executable = executable, .size_bytes = content.size_bytes, .digest = content.digest},
           origin);
  }
  return content;
}

void Staging::add_symlink(const RelPath& path, std::string_view target, std::string_view origin) {
  if (!resolve_link(path, target)) {
    throw Error(ExitCode::kConflict, "a symlink leads out of the release")
        .where(path.str() + " of " + std::string(origin))
        .why("its target is '" + std::string(target) + "'");
  }
  const std::scoped_lock lock(mutex_);
  if (!make_parents(path, origin)) return;
  if (is_being_written(path, "a symlink to " + std::string(target), origin)) return;
  if (!items_.contains(path)) {
    const std::string text(target);
    const std::filesystem::path host = host_path(path);
    if (const int r = real_sys().symlinkat(text.c_str(), AT_FDCWD, host.c_str()); r < 0) {
      throw system_error(-r, "cannot make a symlink", host.string());
    }
  }
  record(path, {.type = Type::kSymlink, .target = std::string(target)}, origin);
}

void Staging::add_directory(const RelPath& path, std::string_view origin) {
  const std::scoped_lock lock(mutex_);
  if (!make_parents(path, origin) || is_being_written(path, "a directory", origin)) return;
  if (!items_.contains(path)) make_directory(host_path(path));
  record(path, {.type = Type::kDirectory}, origin);
}

void Staging::replace_file(const RelPath& path, Bytes content, bool executable,
                           std::string_view origin) {
  if (const auto have = items_.find(path); have != items_.end()) {
    if (have->second.type == Type::kDirectory) {
      throw Error(ExitCode::kInternal, "a directory cannot become a file").where(path.str());
    }
    remove(path);
  }
  if (!make_parents(path, origin)) {
    throw Error(ExitCode::kInternal, "a file's parent is not a directory").where(path.str());
  }
  const Content written = write(path, reader_of(content), executable);
  record(path,
         {.executable = executable, .size_bytes = written.size_bytes, .digest = written.digest},
         origin);
}

void Staging::rename(const RelPath& from, const RelPath& to) {
  const Item item = at(from);
  if (items_.contains(to) || to.is_below(from.str()) ||
      !make_parents(to, item.origins.empty() ? "" : item.origins.front())) {
    throw Error(ExitCode::kInternal, "a staged path cannot be renamed to one that is taken")
        .where(from.str() + " -> " + to.str());
  }
  const int result =
      real_sys().renameat(AT_FDCWD, host_path(from).c_str(), AT_FDCWD, host_path(to).c_str());
  if (result < 0) throw system_error(-result, "cannot rename", host_path(from).string());
  last_parent_.clear();
  std::vector<std::pair<RelPath, RelPath>> moves{{from, to}};
  for (auto i = items_.lower_bound(RelPath(from.str())); i != items_.end(); ++i) {
    if (i->first.is_below(from.str())) {
      moves.emplace_back(i->first, RelPath(to.str() + i->first.str().substr(from.str().size())));
    } else if (!i->first.str().starts_with(from.str())) {
      break;
    }
  }
  for (const auto& [old_path, new_path] : moves) {
    auto node = items_.extract(old_path);
    node.key() = new_path;
    items_.insert(std::move(node));
  }
}

void Staging::remove(const RelPath& path) {
  const bool directory = at(path).type == Type::kDirectory;
  last_parent_.clear();
  std::error_code error;
  if (directory) {
    std::filesystem::remove_all(host_path(path), error);
  } else {
    std::filesystem::remove(host_path(path), error);
  }
  if (error) throw system_error(error.value(), "cannot remove", host_path(path).string());
  for (auto i = items_.find(path); i != items_.end();) {
    if (i->first == path || i->first.is_below(path.str())) {
      i = items_.erase(i);
    } else if (i->first.str().starts_with(path.str())) {
      ++i;  // "a-b" sorts between "a" and "a/b"
    } else {
      break;
    }
  }
}

void Staging::adopt_new_files(std::string_view directory, std::string_view origin) {
  const std::filesystem::path top = directory.empty() ? root_ : host_path(RelPath(directory));
  for (const auto& found : std::filesystem::recursive_directory_iterator(top)) {
    const std::string text = found.path().lexically_relative(root_).string();
    const auto path = RelPath::parse(text);
    if (!path) {
      throw Error(ExitCode::kConflict, "a program made a file with a name that breaks a rule")
          .where(text)
          .why(*RelPath::problem(text));
    }
    if (items_.contains(*path)) continue;
    Item item;
    const auto status = found.symlink_status();
    if (status.type() == std::filesystem::file_type::symlink) {
      item.type = Type::kSymlink;
      item.target = read_link_at(real_sys(), AT_FDCWD, found.path().c_str(), text);
      if (!resolve_link(*path, item.target)) {
        throw Error(ExitCode::kConflict, "a symlink leads out of the release")
            .where(text)
            .why("its target is '" + item.target + "'");
      }
    } else if (status.type() == std::filesystem::file_type::directory) {
      item.type = Type::kDirectory;
    } else if (status.type() == std::filesystem::file_type::regular) {
      const Fd fd = open_at(real_sys(), AT_FDCWD, found.path().c_str(), O_RDONLY | O_NOFOLLOW, 0,
                            found.path().string());
      const Content content = hash([&](void* buffer, size_t size) {
        return read_up_to(real_sys(), fd.get(), buffer, size, found.path().string());
      });
      item.executable = (status.permissions() & std::filesystem::perms::owner_exec) !=
                        std::filesystem::perms::none;
      item.size_bytes = content.size_bytes;
      item.digest = content.digest;
      const mode_t mode = item.executable ? 0755 : 0644;
      if (const int r = real_sys().fchmod(fd.get(), mode); r < 0) {
        throw system_error(-r, "cannot set the mode", found.path().string());
      }
    } else {
      throw Error(ExitCode::kConflict,
                  "a program made something that is no file, directory or link")
          .where(text);
    }
    make_parents(*path, origin);
    record(*path, std::move(item), origin);
  }
}

const Staging::Item* Staging::find(const RelPath& path) const {
  const std::scoped_lock lock(mutex_);
  const auto found = items_.find(path);
  return found == items_.end() ? nullptr : &found->second;
}

std::vector<std::byte> Staging::read(const RelPath& path) const {
  const std::filesystem::path host = host_path(path);
  return read_file_at(real_sys(), AT_FDCWD, host.c_str(), SIZE_MAX - 1, host.string());
}

void Staging::check_conflicts() const {
  std::vector<std::string> lines;
  for (const Conflict& conflict : conflicts_) {
    lines.push_back(conflict.path.str() + ": " + conflict.first_origin + " brings " +
                    conflict.first + " and " + conflict.second_origin + " " + conflict.second +
                    (conflict.detail.empty() ? "" : " (" + conflict.detail + ")"));
  }
  for (const auto& [path, item] : items_) {
    if (item.type != Type::kSymlink) continue;
    if (const std::string problem = link_problem(path); !problem.empty()) {
      lines.push_back(path.str() + ": " + item.origins.front() + " brings a symlink to " +
                      item.target + ", which " + problem);
    }
  }
  if (lines.empty()) return;
  Error error(ExitCode::kConflict, "the artifacts do not fit together");
  error.where(root_.filename().string())
      .why(std::to_string(lines.size()) + (lines.size() == 1 ? " conflict" : " conflicts"));
  for (std::string& line : lines) error.hint(std::move(line));
  throw error;
}

void Staging::order_origins(const std::vector<std::string>& origins) {
  std::map<std::string_view, size_t> places;
  for (const std::string& origin : origins) places.emplace(origin, places.size());
  const auto place_of = [&](const std::string& origin) {
    const auto found = places.find(origin);
    return found == places.end() ? places.size() : found->second;
  };
  for (auto& [path, item] : items_) std::ranges::stable_sort(item.origins, {}, place_of);
  for (Conflict& conflict : conflicts_) {
    if (place_of(conflict.second_origin) < place_of(conflict.first_origin)) {
      std::swap(conflict.first, conflict.second);
      std::swap(conflict.first_origin, conflict.second_origin);
    }
  }
  std::ranges::stable_sort(conflicts_, {}, [&](const Conflict& conflict) {
    return std::pair(place_of(conflict.second_origin), conflict.path);
  });
}

void Staging::check_names() const {
  std::vector<std::string> lines;
  std::unordered_map<std::string, const RelPath*> seen;
  seen.reserve(items_.size());
  for (const auto& [path, item] : items_) {
    const auto [other, is_new] = seen.try_emplace(folded_path(path.str()), &path);
    // What lies in two folders that collide is told with the folders.
    if (is_new || other->second->parent() != path.parent()) continue;
    lines.push_back(other->second->str() + " and " + path.str() + ": from " +
                    items_.at(*other->second).origins.front() + " and " + item.origins.front());
  }
  if (lines.empty()) return;
  Error error(ExitCode::kConflict, "names differ only in case or in the form of their letters");
  error.where(root_.filename().string())
      .why("a file system that takes them for one could not hold this release");
  for (std::string& line : lines) error.hint(std::move(line));
  throw std::move(error.hint("leave one of each out: prune in the manifest"));
}

Staging::Content Staging::write(const RelPath& path, const Reader& read, bool executable) const {
  std::vector<std::byte>& buffer = copy_buffer();
  Sys& sys = real_sys();
  const std::filesystem::path host = host_path(path);
  const mode_t mode = executable ? 0755 : 0644;
  Fd fd = create_at(sys, AT_FDCWD, host.c_str(), mode, host.string());
  try {
    Content content;
    Sha256Hasher hasher;
    while (const size_t got = read(buffer.data(), buffer.size())) {
      const Bytes chunk(buffer.data(), got);
      hasher.update(chunk);
      write_all(sys, fd.get(), chunk, host.string());
      content.size_bytes += got;
    }
    content.digest = hasher.finish();
    // The umask took bits from the mode that create was given.
    if (const int r = sys.fchmod(fd.get(), mode); r < 0) {
      throw system_error(-r, "cannot set the mode", host.string());
    }
    close_written(sys, std::move(fd), host.string());
    return content;
  } catch (...) {
    sys.unlinkat(AT_FDCWD, host.c_str(), 0);
    throw;
  }
}

Staging::Content Staging::hash(const Reader& read) {
  std::vector<std::byte>& buffer = copy_buffer();
  Content content;
  Sha256Hasher hasher;
  while (const size_t got = read(buffer.data(), buffer.size())) {
    hasher.update(Bytes(buffer.data(), got));
    content.size_bytes += got;
  }
  content.digest = hasher.finish();
  return content;
}

void Staging::record(const RelPath& path, Item item, std::string_view origin) {
  if (items_.contains(path)) {
    merge_existing(path, item, origin);
    return;
  }
  item.origins.emplace_back(origin);
  items_.emplace(path, std::move(item));
}

bool Staging::merge_existing(const RelPath& path, const Item& next, std::string_view origin) {
  Item& have = items_.at(path);
  if (same(have, next)) {
    add_origin(have, origin);
    return true;
  }
  conflicts_.push_back(
      {path, have.origins.front(), describe(have), std::string(origin), describe(next), ""});
  return false;
}

// True, with a conflict noted, when another thread is writing a file of that name.
bool Staging::is_being_written(const RelPath& path, const std::string& what,
                               std::string_view origin) {
  const auto file = being_written_.find(path);
  if (file == being_written_.end()) return false;
  conflicts_.push_back({path, file->second, "a file", std::string(origin), what, ""});
  return true;
}

// False, with a conflict noted, when an ancestor is staged as something else than a directory.
bool Staging::make_parents(const RelPath& path, std::string_view origin) {
  const std::string_view parent_text = path.parent();
  if (parent_text.empty() || (parent_text == last_parent_ && origin == last_origin_)) return true;
  const RelPath parent(parent_text);
  const auto have = items_.find(parent);
  if (have != items_.end()) {
    if (have->second.type != Type::kDirectory) {
      conflicts_.push_back({parent, have->second.origins.front(), describe(have->second),
                            std::string(origin), "a directory", "for " + path.str()});
      return false;
    }
    // Every directory keeps the names of all that fill it, so that the parents are walked once for
    // each of them.
    const bool known = std::find(have->second.origins.begin(), have->second.origins.end(),
                                 origin) != have->second.origins.end();
    if (known) return true;
  }
  if (is_being_written(parent, "a directory", origin)) return false;
  if (!make_parents(parent, origin)) return false;
  if (have == items_.end()) make_directory(host_path(parent));
  record(parent, {.type = Type::kDirectory}, origin);
  last_parent_ = parent_text;
  last_origin_ = origin;
  return true;
}

// What is wrong with where a staged symlink really leads, following those on the way; "" if
// nothing.
std::string Staging::link_problem(const RelPath& link) const {
  std::vector<std::string> done;
  std::vector<std::string> left;  // components still to walk, the next one last
  const auto push = [&left](std::string_view text) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find('/', begin), text.size());
      parts.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    left.insert(left.end(), parts.rbegin(), parts.rend());
  };
  push(link.str());
  int followed = 0;
  while (!left.empty()) {
    const std::string part = std::move(left.back());
    left.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (done.empty()) return "leads out of the release";
      done.pop_back();
      continue;
    }
    done.push_back(part);
    std::string joined;
    for (const std::string& component : done) {
      if (!joined.empty()) joined += '/';
      joined += component;
    }
    const auto path = RelPath::parse(joined);
    const Item* item = path ? find(*path) : nullptr;
    if (item == nullptr || item->type != Type::kSymlink) continue;
    if (++followed > kMaxLinksFollowed) return "goes in a circle";
    done.pop_back();
    push(item->target);
  }
  return "";
}

Staging::Item& Staging::at(const RelPath& path) {
  const auto found = items_.find(path);
  if (found == items_.end()) {
    throw Error(ExitCode::kInternal, "a path is not staged").where(path.str());
  }
  return found->second;
}

}  // namespace eb
