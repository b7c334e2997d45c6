#include "installer/install/stage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "installer/base/error.hpp"
#include "installer/install/release_lock.hpp"
#include "installer/install/remove_tree.hpp"
#include "installer/install/small_file.hpp"
#include "installer/install/trash.hpp"

namespace eb {
namespace {

constexpr char kProbeFile[] = ".probe";
constexpr char kProbeLink[] = ".probe-link";
constexpr char kProbeDir[] = ".probe-dir";
constexpr char kProbeRenamed[] = ".probe-renamed";

Error cannot(const std::string& what, int error, const std::string& where) {
  // Space, quota and a refused access are what they are; anything else is a missing ability. EPERM
  // is how a file system without symlinks answers (symlink(2)).
  Error out = system_error(error, "the file system cannot " + what, where);
  if (error == EPERM || (out.code() == ExitCode::kIo && error != EIO && error != ESTALE)) {
    out = Error(ExitCode::kUnsupportedFs, "the file system cannot " + what)
              .where(where)
              .why(out.why());
  }
  out.hint("choose a prefix on another file system (a local disk, or the cluster's shared one)");
  return out;
}

// What a name is now; 0 = nothing, or it cannot be asked.
mode_t type_at(Sys& sys, int dir, const char* name) {
  struct stat info {};
  return sys.fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_mode & S_IFMT : 0;
}

// Mount points are written with \040 for a blank and so on (fstab(5)).
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_of_a_moment(const std::string& name) {
  static constexpr const char* kBeginnings[] = {".id.", ".floor.", ".check.", ".modules.", "link-"};
  return std::ranges::any_of(kBeginnings, [&](const char* b) { return name.starts_with(b); });
}

}  // namespace

std::string mount_text(Sys& sys, const std::string& root, const std::string& path) {
  const auto mounts = read_small_file(sys, AT_FDCWD, root + "/proc/self/mounts", 1u << 20);
  std::string best;
  std::string out;
  for (const std::string& line : lines_of(mounts.value_or(""))) {
    std::istringstream in(line);
    std::string device;
    std::string point;
    std::string type;
    std::string options;
    if (!(in >> device >> point >> type >> options)) continue;
    point = unescaped(point);
    const bool holds = point == "/" || path == point || path.starts_with(point + "/");
    // Later lines are mounted above earlier ones.
    if (!holds || point.size() < best.size()) continue;
    best = point;
    out.assign(point).append(" (").append(type).append(", ").append(options).append(")");
  }
  return out;
}

Stage::Stage(Sys& sys, const Prefix& prefix, std::string release, std::string nonce)
    : sys_(sys), prefix_(prefix), name_("stage-" + std::move(release) + "-" + std::move(nonce)) {
  const int state = prefix_.state.get();
  if (!make_directory(sys_, state, name_.c_str(), 0700, where())) {
    throw system_error(EEXIST, "cannot make the staging folder", where());
  }
  owned_ = true;
  try {
    fd_ = open_dir_at(sys_, state, name_.c_str(), where());
  } catch (...) {
    remove();
    throw;
  }
}

Stage::~Stage() { remove(); }

int Stage::remove() noexcept {
  if (!owned_) return 0;
  owned_ = false;
  return remove_tree(sys_, prefix_.state.get(), name_);
}

// The folder is this run's alone, so a name that it was to make or to remove, and that is there or
// gone, was made or removed: NFS sends a request again whose reply was lost (FAULTS §6).
ModeBehaviour Stage::probe(const Host& host, EventSink& events) {
  ModeBehaviour out;
  const int dir = fd();
  struct stat info {};
  int r = 0;
  {
    Fd file = create_at(sys_, dir, kProbeFile, 0755, where());
    write_all(sys_, file.get(), as_bytes("probe\n"), where());
    if (r = sys_.fstat(file.get(), &info); r < 0) throw cannot("tell modes", -r, where());
    out.files_exact = (info.st_mode & 07777) == 0755;
    if (r = sys_.fchmod(file.get(), 0755); r < 0) throw cannot("set modes", -r, where());
    if (r = sys_.fsync(file.get()); r < 0) throw cannot("make files durable", -r, where());
    close_written(sys_, std::move(file), where());
  }
  // A regular file on a noexec mount is never executable, whatever its mode (access(2)): no program
  // need be started to find out.
  if (r = sys_.faccessat(dir, kProbeFile, X_OK); r < 0) {
    const std::string mount = mount_text(sys_, host.root, prefix_.path);
    throw Error(ExitCode::kUnsupportedFs, "programs cannot be started from there")
        .where(prefix_.path)
        .why(mount.empty() ? "the file system is mounted noexec"
                           : "the file system is mounted noexec: " + mount)
        .hint("choose a prefix on a file system without noexec");
  }
  r = sys_.mkdirat(dir, kProbeDir, 0755);
  if (r < 0 && !(r == -EEXIST && type_at(sys_, dir, kProbeDir) == S_IFDIR)) {
    throw cannot("make folders", -r, where());
  }
  if (r = sys_.fstatat(dir, kProbeDir, &info, AT_SYMLINK_NOFOLLOW); r < 0) {
    throw cannot("tell modes", -r, where());
  }
  out.directories_exact = (info.st_mode & 0777) == 0755;
  out.inherited = info.st_mode & S_ISGID;
  r = sys_.symlinkat(kProbeFile, dir, kProbeLink);
  if (r < 0 && !(r == -EEXIST && type_at(sys_, dir, kProbeLink) == S_IFLNK)) {
    throw cannot("hold symbolic links", -r, where());
  }
  if (r = rename_at(sys_, dir, kProbeLink, dir, kProbeRenamed); r < 0) {
    throw cannot("rename links", -r, where());
  }
  struct stat top {};
  if (sys_.fstat(prefix_.root.get(), &top) == 0 && top.st_gid != info.st_gid) {
    events.on(Warning{"files will belong to group " + std::to_string(info.st_gid) +
                      ", the prefix to group " + std::to_string(top.st_gid) +
                      ": where quotas go by group, set the prefix's setgid bit first (chmod g+s)"});
  }
  for (const char* name : {kProbeFile, kProbeRenamed}) {
    r = sys_.unlinkat(dir, name, 0);
    if (r < 0 && !(r == -ENOENT && type_at(sys_, dir, name) == 0))
      throw cannot("remove files", -r, where());
  }
  r = sys_.unlinkat(dir, kProbeDir, AT_REMOVEDIR);
  if (r < 0 && !(r == -ENOENT && type_at(sys_, dir, kProbeDir) == 0)) {
    throw cannot("remove folders", -r, where());
  }
  return out;
}

std::vector<std::string> abandoned_stages(Sys& sys, const Prefix& prefix,
                                          const std::string& release, const std::string& nonce) {
  std::vector<DirEntry> entries;
  std::vector<std::string> out;
  const std::string beginning = "stage-" + release + "-";
  if (sys.list(prefix.state.get(), &entries) < 0) return out;
  for (const DirEntry& entry : entries) {
    if (!entry.name.starts_with(beginning)) continue;
    const std::string rest = entry.name.substr(beginning.size());
    if (rest != nonce && rest.find('-') == std::string::npos) out.push_back(entry.name);
  }
  return out;
}

void remove_leftovers(Sys& sys, const Prefix& prefix, const Host& host, const std::string& held,
                      const std::string& nonce, EventSink& events) noexcept {
  try {
    ReleaseLock::remove_abandoned(sys, prefix, host, nonce);
    std::vector<DirEntry> entries;
    if (sys.list(prefix.state.get(), &entries) < 0) return;
    for (const DirEntry& entry : entries) {
      if (is_of_a_moment(entry.name)) {
        remove_if_forgotten(sys, prefix.state.get(), entry.name, host.now);
      }
      // "mends-…" is what a repair makes its files in.
      const bool is_stage = entry.name.starts_with("stage-") || entry.name.starts_with("mends-");
      const bool is_trash = entry.name.starts_with("trash-");
      const size_t dash = entry.name.rfind('-');
      if ((!is_stage && !is_trash) || dash <= 6 || entry.name.substr(dash + 1) == nonce) continue;
      const std::string release = entry.name.substr(6, dash - 6);
      // Who has the lock of a release is the only one who may stage or remove it.
      std::optional<ReleaseLock> lock;
      if (release != held) {
        lock.emplace(ReleaseLock::try_acquire(sys, prefix, release, host, nonce));
        if (!lock->held()) continue;
      }
      events.on(Note{"removing what an interrupted run left: " + prefix.at(kStateDir) + "/" +
                     entry.name});
      if (is_stage) {
        remove_tree(sys, prefix.state.get(), entry.name);
      } else {
        empty_trash(sys, prefix, entry.name);
      }
    }
  } catch (const std::exception&) {
    // A later run tries again.
  }
}

}  // namespace eb
