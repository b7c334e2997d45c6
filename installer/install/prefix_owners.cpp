#include "installer/install/prefix_owners.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

// Whom the kernel shows where it cannot tell the owner: in a user namespace that does not know him,
// on NFS without a common user database. Nothing follows from that.
uid_t unknown_user(Sys& sys, const Host& host) {
  const auto text = read_small_file(sys, AT_FDCWD, host.root + "/proc/sys/kernel/overflowuid", 32);
  const auto number = text ? parse_number(trimmed(*text)) : std::nullopt;
  return static_cast<uid_t>(number.value_or(65534));
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string problem_of(Sys& sys, const struct stat& info, const Host& host) {
  if (info.st_uid != 0 && info.st_uid != host.uid && info.st_uid != unknown_user(sys, host)) {
    return "it belongs to user " + std::to_string(info.st_uid);
  }
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return "everybody may write to it, and it is not sticky";
  }
  return {};
}

}  // namespace

void require_own_path(Sys& sys, const PrefixView& view, const Host& host) {
  std::string shown = view.path;
  for (size_t i = 0; i < view.missing.size(); ++i) shown = parent_of(shown);
  struct stat below {};
  std::string up = ".";
  while (true) {
    struct stat info {};
    const int r = sys.fstatat(view.dir.get(), up.c_str(), &info, 0);
    // What one may not look at lies above what one may not leave: a job's private mount, say.
    if (r == -EACCES) return;
    if (r < 0) throw system_error(-r, "cannot look at the folder", shown);
    // The root is its own parent.
    if (up != "." && info.st_dev == below.st_dev && info.st_ino == below.st_ino) return;
    if (const std::string problem = problem_of(sys, info, host); !problem.empty()) {
      throw Error(ExitCode::kPermission, "another user could exchange what is installed there")
          .where(shown)
          .why(problem)
          .hint("choose a folder that only you and root can change, as all folders above it")
          .hint("where that user is trusted: --insecure-prefix");
    }
    shown = parent_of(shown);
    below = info;
    up = up == "." ? ".." : up + "/..";
  }
}

}  // namespace eb
