#include "bundler/fetch/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kHashBuffer = size_t{1} << 20;

// Like mkdir -p, but through the seam and with the first folder that cannot be made in the message.
void make_directories(Sys& sys, const std::filesystem::path& path) {
  const int made = sys.mkdirat(AT_FDCWD, path.c_str(), 0755);
  if (made == 0 || made == -EEXIST) return;
  if (made == -ENOENT && path.has_parent_path() && path.parent_path() != path) {
    make_directories(sys, path.parent_path());
    const int again = sys.mkdirat(AT_FDCWD, path.c_str(), 0755);
    if (again == 0 || again == -EEXIST) return;
    throw system_error(-again, "cannot make a folder of the download cache", path.string());
  }
  throw system_error(-made, "cannot make a folder of the download cache", path.string());
}

void sync_directory(Sys& sys, const std::filesystem::path& path) {
  const Fd dir = open_at(sys, AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, path.string());
  if (const int r = sys.fsync(dir.get()); r < 0 && r != -EINVAL) {
    throw system_error(-r, "cannot sync", path.string());
  }
}

}  // namespace

ArtifactCache::ArtifactCache(std::filesystem::path directory, Sys& sys)
    : directory_(std::move(directory)), sys_(&sys) {
  // A trailing slash would make an empty last component, and "mkdir DIR/" of that fail oddly.
  if (!directory_.has_filename()) directory_ = directory_.parent_path();
  try {
    make_directories(*sys_, directory_ / "sha256");
    make_directories(*sys_, partial_directory());
  } catch (Error& error) {
    error.hint("ENVBUNDLE_CACHE or XDG_CACHE_HOME names another place for the cache");
    throw;
  }
}

std::filesystem::path ArtifactCache::default_directory() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string own = variable("ENVBUNDLE_CACHE"); !own.empty()) return own;
  // The XDG base directory specification: a relative value is to be ignored.
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty() && xdg.front() == '/') {
    return std::filesystem::path(xdg) / "envbundle";
  }
  if (const std::string home = variable("HOME"); !home.empty()) {
    return std::filesystem::path(home) / ".cache" / "envbundle";
  }
  throw Error(ExitCode::kUsage, "no place for the download cache is known")
      .why("none of ENVBUNDLE_CACHE, XDG_CACHE_HOME and HOME is set")
      .hint("set ENVBUNDLE_CACHE to a folder with room for the downloads");
}

std::filesystem::path ArtifactCache::path_of(const Sha256& digest) const {
  const std::string hex = digest.hex();
  return directory_ / "sha256" / hex.substr(0, 2) / hex;
}

std::filesystem::path ArtifactCache::partial_path(const Sha256& digest) const {
  return partial_directory() / digest.hex();
}

std::optional<std::filesystem::path> ArtifactCache::find(const Sha256& digest, uint64_t size_bytes,
                                                         bool* poisoned) const {
  if (poisoned != nullptr) *poisoned = false;
  std::filesystem::path path = path_of(digest);
  const std::string where = path.string();
  const int raw =
      sys_->openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  if (raw == -ENOENT || raw == -ENOTDIR) return std::nullopt;
  if (raw < 0 && raw != -ELOOP) throw system_error(-raw, "cannot open", where);
  struct stat info {};
  if (raw == -ELOOP) {
    // A symbolic link was never put there by this program.
    if (sys_->fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) return std::nullopt;
  } else {
    const Fd fd(*sys_, raw);
    if (const int r = sys_->fstat(fd.get(), &info); r < 0) {
      throw system_error(-r, "cannot look at", where);
    }
    if (S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) == size_bytes) {
      Sha256Hasher hasher;
      std::vector<std::byte> buffer(kHashBuffer);
      while (true) {
        const size_t got = read_up_to(*sys_, fd.get(), buffer.data(), buffer.size(), where);
        if (got == 0) break;
        hasher.update(Bytes(buffer).first(got));
      }
      if (hasher.finish() == digest) return path;
    }
  }
  if (poisoned != nullptr) *poisoned = true;
  remove_poisoned(path, info.st_ino);
  return std::nullopt;
}

// Another process may put a good file in the bad one's place meanwhile. So the name is taken away
// first, and given back when it was not the file that was looked at.
void ArtifactCache::remove_poisoned(const std::filesystem::path& path, ino_t inode) const {
  const std::filesystem::path aside = unique_name(partial_directory(), "poisoned");
  const int moved = sys_->renameat(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str());
  if (moved == -ENOENT) return;
  if (moved < 0) throw system_error(-moved, "cannot remove a damaged file", path.string());
  struct stat info {};
  if (sys_->fstatat(AT_FDCWD, aside.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      info.st_ino != inode) {
    sys_->renameat(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str());
    return;
  }
  const int flags = S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0;
  sys_->unlinkat(AT_FDCWD, aside.c_str(), flags);
}

std::filesystem::path ArtifactCache::adopt(const std::filesystem::path& file,
                                           const Sha256& digest) const {
  std::filesystem::path path = path_of(digest);
  make_directories(*sys_, path.parent_path());
  const Fd fd = open_at(*sys_, AT_FDCWD, file.c_str(), O_RDONLY | O_NOFOLLOW, 0, file.string());
  // Nobody should edit a file whose name is its digest; failing to say so is no reason to stop.
  sys_->fchmod(fd.get(), 0444);
  if (const int r = sys_->fsync(fd.get()); r < 0) {
    throw system_error(-r, "cannot sync", file.string());
  }
  if (const int r = sys_->renameat(AT_FDCWD, file.c_str(), AT_FDCWD, path.c_str()); r < 0) {
    throw system_error(-r, "cannot move a download into the cache", path.string());
  }
  sync_directory(*sys_, path.parent_path());
  return path;
}

std::filesystem::path unique_name(const std::filesystem::path& directory,
                                  const std::string& prefix) {
  static std::atomic<unsigned> counter{0};
  return directory /
         (prefix + "." + std::to_string(getpid()) + "." + std::to_string(counter.fetch_add(1)));
}

}  // namespace eb
