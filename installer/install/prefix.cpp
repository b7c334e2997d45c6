#include "installer/install/prefix.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/base/rel_path.hpp"
#include "installer/install/remove_tree.hpp"
#include "installer/install/small_file.hpp"
#include "installer/lease/lease.hpp"

namespace eb {
namespace {

constexpr char kMarkerFile[] = "id";
constexpr std::string_view kMarkerText = "envinstall prefix 1\n";

Error usage(std::string what, const std::string& where) {
  return Error(ExitCode::kUsage, std::move(what)).where(where);
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// What may lie in an otherwise empty directory: mount points and servers put it there.
bool is_of_the_file_system(const std::string& name) {
  return name == "lost+found" || name == ".snapshot" || name == ".snapshots" ||
         name.starts_with(".nfs");
}

bool is_directory(Sys& sys, int dir, const char* name) {
  struct stat info {};
  return sys.fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

bool has_marker(Sys& sys, int prefix) {
  if (!is_directory(sys, prefix, kStateDir)) return false;
  const auto text = read_small_file(sys, prefix, std::string(kStateDir) + "/" + kMarkerFile, 256);
  return text && text->starts_with(kMarkerText);
}

bool same_directory(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void refuse_root_and_home(Sys& sys, const PrefixView& view, const std::string& home) {
  struct stat own {};
  struct stat other {};
  if (const int r = sys.fstat(view.dir.get(), &own); r < 0) {
    throw system_error(-r, "cannot look at the prefix", view.path);
  }
  if (sys.fstatat(AT_FDCWD, "/", &other, 0) == 0 && same_directory(own, other)) {
    throw usage("the root folder cannot be a prefix", view.path)
        .hint("name a folder of its own, for example --prefix /opt/dl");
  }
  if (!home.empty() && sys.fstatat(AT_FDCWD, home.c_str(), &other, 0) == 0 &&
      same_directory(own, other)) {
    throw usage("your home folder cannot be a prefix", view.path)
        .hint("name a folder of its own, for example --prefix " + view.path + "/dl");
  }
}

std::vector<std::string> list_names(Sys& sys, int dir, const std::string& where) {
  std::vector<DirEntry> entries;
  if (const int r = sys.list(dir, &entries); r < 0) {
    throw system_error(-r, "cannot list the folder", where);
  }
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (DirEntry& entry : entries) names.push_back(std::move(entry.name));
  std::ranges::sort(names);
  return names;
}

// Whose directory it is. An interrupted first run leaves .envinstall alone, perhaps without marker.
void judge_content(Sys& sys, PrefixView& view) {
  std::vector<std::string> names = list_names(sys, view.dir.get(), view.path);
  std::erase_if(names, is_of_the_file_system);
  view.is_ours = has_marker(sys, view.dir.get());
  if (view.is_ours || names.empty()) return;
  if (names.size() == 1 && names[0] == kStateDir && is_directory(sys, view.dir.get(), kStateDir)) {
    return;
  }
  std::string why = "it holds " + names[0];
  if (names.size() == 2) why += " and " + names[1];
  if (names.size() > 2) why += " and " + std::to_string(names.size() - 1) + " more";
  throw usage("the folder holds something else", view.path)
      .why(why + ", and no mark of envinstall")
      .hint("name an empty or a new folder, for example --prefix " + view.path + "/dl");
}

void read_releases(Sys& sys, PrefixView& view) {
  view.current = read_current(sys, view.dir.get(), view.path);
  if (!is_directory(sys, view.dir.get(), kReleasesDir)) return;
  const std::string where = view.path + "/" + kReleasesDir;
  const Fd releases = open_dir_at(sys, view.dir.get(), kReleasesDir, where);
  for (std::string& name : list_names(sys, releases.get(), where)) {
    if (!name.starts_with('.')) view.releases.push_back(std::move(name));
  }
}

// Splits off what does not exist; `path` is then the deepest directory that does.
void find_missing(Sys& sys, PrefixView& view, std::string path) {
  while (true) {
    int fd = 0;
    do {
      fd = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    } while (fd == -EINTR);
    if (fd >= 0) {
      view.dir = Fd(sys, fd);
      view.path = real_path(sys, fd, path);
      for (const std::string& name : view.missing) {
        view.path += (view.path.ends_with('/') ? "" : "/") + name;
      }
      view.exists = view.missing.empty();
      return;
    }
    struct stat info {};
    const bool is_there = sys.fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (fd == -ENOENT && is_there && S_ISLNK(info.st_mode)) {
      throw usage("the prefix is a link that leads nowhere", path)
          .hint("make the folder that the link names, or remove the link");
    }
    if (fd == -ENOTDIR && is_there) {
      throw usage(
          view.missing.empty() ? "the prefix is a file" : "a parent of the prefix is a file", path)
          .hint("name a folder; it is made when it does not exist");
    }
    if (fd != -ENOENT && fd != -ENOTDIR) {
      throw system_error(-fd, "cannot open the prefix", path)
          .hint("choose a folder that you may enter and list");
    }
    const size_t slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") {  // empty: the root folder itself
      throw usage("the prefix cannot be made", path).hint("give the path without . and ..");
    }
    view.missing.insert(view.missing.begin(), name);
    path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    path = without_trailing_slashes(path);
  }
}

}  // namespace

std::string real_path(Sys& sys, int dir, const std::string& otherwise) {
  try {
    return read_link_at(sys, AT_FDCWD, ("/proc/self/fd/" + std::to_string(dir)).c_str(), otherwise);
  } catch (const Error&) {
    return otherwise;
  }
}

std::optional<std::string> read_current(Sys& sys, int prefix, const std::string& path) {
  const std::string where = path + "/" + kCurrentLink;
  struct stat info {};
  const int r = sys.fstatat(prefix, kCurrentLink, &info, AT_SYMLINK_NOFOLLOW);
  if (r == -ENOENT) return std::nullopt;
  if (r < 0) throw system_error(-r, "cannot look at the link", where);
  const std::string begin = std::string(kReleasesDir) + "/";
  const std::string target =
      S_ISLNK(info.st_mode) ? read_link_at(sys, prefix, kCurrentLink, where) : std::string();
  if (target.starts_with(begin)) {
    const std::string name = target.substr(begin.size());
    if (RelPath::parse(name) && name.find('/') == std::string::npos) return name;
  }
  throw usage("'current' is not what envinstall made", where)
      .why(S_ISLNK(info.st_mode) ? "it leads to " + target : "it is no symbolic link")
      .hint("move it out of the way, then run the same command again");
}

PrefixView look_at_prefix(Sys& sys, const std::string& path, const std::string& home,
                          bool create_parents) {
  if (path.empty()) {
    throw usage("the prefix is empty", "--prefix")
        .hint("name the folder to install into, for example --prefix /opt/dl");
  }
  PrefixView view;
  find_missing(sys, view, without_trailing_slashes(path));
  if (view.missing.size() > 1 && !create_parents) {
    const std::string parent = view.path.substr(0, view.path.rfind('/'));
    throw usage("the folder above the prefix does not exist", parent)
        .hint("check the path, or give --parents to make it too");
  }
  for (const std::string& name : view.missing) {
    if (name.size() > RelPath::kMaxComponentBytes) {
      throw usage("the prefix cannot be made", view.path).hint("give names of at most 255 bytes");
    }
  }
  if (!view.exists) return view;
  refuse_root_and_home(sys, view, home);
  judge_content(sys, view);
  read_releases(sys, view);
  return view;
}

PrefixView open_prefix(Sys& sys, const std::string& path) {
  PrefixView view;
  find_missing(sys, view, without_trailing_slashes(path.empty() ? "." : path));
  if (!view.exists) {
    throw usage("there is no such folder", path)
        .hint("name the folder that was given with --prefix when it was installed");
  }
  view.is_ours = has_marker(sys, view.dir.get());
  if (!view.is_ours) {
    std::vector<std::string> names = list_names(sys, view.dir.get(), view.path);
    std::erase_if(names, is_of_the_file_system);
    if (!names.empty() && names != std::vector<std::string>{kStateDir}) {
      throw usage("the folder is not a prefix of envinstall", view.path)
          .why("it holds no mark of envinstall")
          .hint("name the folder that was given with --prefix when it was installed");
    }
  }
  read_releases(sys, view);
  return view;
}

bool make_directory(Sys& sys, int dir, const char* name, mode_t mode, const std::string& where) {
  const int r = try_make_directory(sys, dir, name, mode);
  if (r < 0) throw system_error(-r, "cannot make the folder", where);
  return r == 1;
}

int try_make_directory(Sys& sys, int dir, const char* name, mode_t mode) {
  int r = sys.mkdirat(dir, name, mode);
  if (r == -EEXIST) return 0;
  if (r < 0) return r;
  // The umask or a default ACL may have taken bits; a setgid bit came from the parent and stays.
  struct stat info {};
  r = sys.fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW);
  if (r == 0 && (info.st_mode & 0777) != mode) {
    r = sys.fchmodat(dir, name, mode | (info.st_mode & S_ISGID));
  }
  if (r < 0) {
    sys.unlinkat(dir, name, AT_REMOVEDIR);
    return r;
  }
  return 1;
}

void sync_directory(Sys& sys, int dir, const std::string& where) {
  const int r = sys.fsync(dir);
  if (r < 0 && r != -EINVAL && r != -EOPNOTSUPP && r != -ENOSYS) {
    throw system_error(-r, "cannot make the folder durable", where);
  }
}

Prefix make_prefix(Sys& sys, PrefixView view) {
  Prefix out;
  out.path = view.path;
  out.root = std::move(view.dir);
  try {
    size_t left = view.missing.size();
    for (const std::string& name : view.missing) {
      std::string where = view.path;
      for (size_t i = 1; i < left; ++i) where.resize(where.rfind('/'));
      --left;
      if (make_directory(sys, out.root.get(), name.c_str(), 0755, where)) {
        out.made.push_back(where);
        sync_directory(sys, out.root.get(), where);
      }
      out.root = open_dir_at(sys, out.root.get(), name.c_str(), where);
    }
    out.made_state = make_directory(sys, out.root.get(), kStateDir, 0755, out.at(kStateDir));
    out.state = open_dir_at(sys, out.root.get(), kStateDir, out.at(kStateDir));
    if (!has_marker(sys, out.root.get())) {
      const std::string nonce = random_name();
      const std::string text = std::string(kMarkerText) + nonce + "\n";
      replace_file_at(sys, out.state.get(), kMarkerFile, (".id." + nonce).c_str(), as_bytes(text),
                      0644, out.at(kStateDir) + "/" + kMarkerFile);
    }
    make_directory(sys, out.root.get(), kReleasesDir, 0755, out.at(kReleasesDir));
    out.releases = open_dir_at(sys, out.root.get(), kReleasesDir, out.at(kReleasesDir));
    sync_directory(sys, out.root.get(), out.path);
  } catch (...) {
    unmake_prefix(sys, out);
    throw;
  }
  return out;
}

void unmake_prefix(Sys& sys, Prefix& prefix) noexcept {
  if (!prefix.made_state) {
    // Somebody else's, or it never came that far.
    if (!prefix.state && !prefix.made.empty()) {
      for (auto path = prefix.made.rbegin(); path != prefix.made.rend(); ++path) {
        if (sys.unlinkat(AT_FDCWD, path->c_str(), AT_REMOVEDIR) < 0) return;
      }
    }
    return;
  }
  // rmdir refuses what is not empty: another installer at work here, or a release, ends the
  // undoing.
  const auto gone = [](int r) { return r == 0 || r == -ENOENT; };
  const int root = prefix.root.get();
  if (!gone(sys.unlinkat(root, kReleasesDir, AT_REMOVEDIR))) return;
  if (prefix.state) {
    const int state = prefix.state.get();
    if (!gone(sys.unlinkat(state, "lock.d", AT_REMOVEDIR))) return;
    remove_tree(sys, state, kLeasesDir);
    std::vector<DirEntry> entries;
    if (sys.list(state, &entries) < 0) return;
    for (const DirEntry& entry : entries) {
      if (entry.name != kMarkerFile && entry.name != "log" && entry.name != "floor" &&
          entry.name != "modules") {
        return;
      }
    }
    for (const DirEntry& entry : entries) sys.unlinkat(state, entry.name.c_str(), 0);
  }
  if (!gone(sys.unlinkat(root, kStateDir, AT_REMOVEDIR))) return;
  for (auto path = prefix.made.rbegin(); path != prefix.made.rend(); ++path) {
    if (sys.unlinkat(AT_FDCWD, path->c_str(), AT_REMOVEDIR) < 0) return;
  }
}

}  // namespace eb
