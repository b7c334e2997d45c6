#include "runtime/envrun/core/place.hpp"

#include <fcntl.h>

#include "installer/base/error.hpp"

namespace eb {
namespace {

std::string parent_of(const std::string& path) {
  const size_t at = path.rfind('/');
  return at == std::string::npos ? "" : path.substr(0, at);
}

std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool exists(Sys& sys, const std::string& path) {
  return sys.faccessat(AT_FDCWD, path.c_str(), F_OK) == 0;
}

bool same_file(Sys& sys, const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return sys.fstatat(AT_FDCWD, one.c_str(), &a, 0) == 0 &&
         sys.fstatat(AT_FDCWD, other.c_str(), &b, 0) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

Place find_place(Sys& sys, const std::string& executable) {
  const std::string bin = parent_of(executable);
  Place place;
  place.release = parent_of(bin);
  if (last_of(bin) != "bin" || place.release.empty() || !exists(sys, place.at("share/envbundle"))) {
    throw Error(ExitCode::kUsage, "envrun stands in no release")
        .where(executable)
        .hint("call it as PREFIX/bin/envrun, where an envinstall put it");
  }
  place.release_name = last_of(place.release);
  place.prefix = place.release;
  const std::string releases = parent_of(place.release);
  if (last_of(releases) == "releases" && exists(sys, parent_of(releases) + "/.envinstall")) {
    place.prefix = parent_of(releases);
    place.is_current = same_file(sys, place.prefix + "/current", place.release);
  }
  return place;
}

}  // namespace eb
