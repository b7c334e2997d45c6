#include "runtime/envrun/notebook/private_directory.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// What is wrong with `path` as a directory that only the caller can enter; empty when nothing is.
std::string fault_of(World& world, const std::string& path) {
  struct stat info {};
  const int result = world.sys.fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  if (result < 0) return std::strerror(-result);
  if (S_ISLNK(info.st_mode)) return "is a symlink";
  if (!S_ISDIR(info.st_mode)) return "is no directory";
  if (info.st_uid != world.uid) return "belongs to user " + std::to_string(info.st_uid);
  if ((info.st_mode & 077) != 0) return "others may enter it (its mode is not 0700)";
  return world.sys.faccessat(AT_FDCWD, path.c_str(), W_OK) == 0 ? "" : "cannot be written to";
}

// In a directory that others may write to, only the sticky bit keeps them from renaming ours away.
std::string fault_of_parent(World& world, const std::string& path) {
  struct stat info {};
  const int result = world.sys.fstatat(AT_FDCWD, path.c_str(), &info, 0);
  if (result < 0) return std::strerror(-result);
  if (!S_ISDIR(info.st_mode)) return "is no directory";
  if (info.st_uid != world.uid && info.st_uid != 0) return "belongs to another user";
  const bool shared = (info.st_mode & 022) != 0 && (info.st_mode & S_ISVTX) == 0;
  return shared ? "others may write to it and it is not sticky" : "";
}

}  // namespace

void make_private_directory(World& world, const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const int made = world.sys.mkdirat(AT_FDCWD, path.substr(0, at).c_str(), 0700);
    // A read-only or foreign directory that exists answers otherwise than EEXIST on some systems;
    // the last step tells.
    if (made < 0 && made != -EEXIST && made != -EACCES && made != -EROFS) {
      throw system_error(-made, "cannot make a directory", path.substr(0, at));
    }
  }
  const int made = world.sys.mkdirat(AT_FDCWD, path.c_str(), 0700);
  if (made < 0 && made != -EEXIST) throw system_error(-made, "cannot make a directory", path);
  if (const std::string fault = fault_of(world, path); !fault.empty()) {
    throw Error(ExitCode::kPermission, "a directory for private files is not private")
        .where(path)
        .why(fault)
        .hint("chmod 700 it, or move it away");
  }
}

std::vector<std::string> runtime_directory_candidates(const World& world) {
  std::vector<std::string> out;
  const std::string xdg = world.variables.get("XDG_RUNTIME_DIR");
  if (xdg.starts_with('/')) out.push_back(xdg + "/envbundle");
  const std::string own = "/envbundle-" + std::to_string(world.uid);
  for (const std::string& base :
       {world.variables.get("SLURM_TMPDIR"), world.variables.get("TMPDIR"), std::string("/tmp")}) {
    if (base.starts_with('/')) out.push_back((base == "/" ? "" : base) + own);
  }
  return out;
}

std::string find_runtime_directory(World& world) {
  Error error(ExitCode::kPermission, "there is no place for files that only you may read");
  for (const std::string& path : runtime_directory_candidates(world)) {
    const std::string parent = path.substr(0, path.rfind('/'));
    const std::string shown_parent = parent.empty() ? "/" : parent;
    // XDG_RUNTIME_DIR promises to be private; where it is not, it is somebody else's.
    const bool is_xdg = parent == world.variables.get("XDG_RUNTIME_DIR");
    std::string fault = is_xdg ? fault_of(world, parent) : fault_of_parent(world, shown_parent);
    if (!fault.empty()) {
      error.hint(shown_parent + ": " + fault);
      continue;
    }
    const int made = world.sys.mkdirat(AT_FDCWD, path.c_str(), 0700);
    fault = made < 0 && made != -EEXIST ? std::strerror(-made) : fault_of(world, path);
    if (fault.empty()) return path;
    error.hint(path + ": " + fault);
  }
  throw std::move(error.hint("set TMPDIR to a directory on this node that is yours"));
}

ScratchDirectory::ScratchDirectory(World& world, const std::string& purpose)
    : path_(find_runtime_directory(world) + "/" + purpose + "-XXXXXX") {
  const std::string wanted = path_;
  if (mkdtemp(path_.data()) == nullptr) {
    throw system_error(errno, "cannot make a directory", wanted);
  }
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace eb
