#include "runtime/image/private_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "installer/base/error.hpp"

namespace eb::image {
namespace {

// Makes a folder, or accepts one, that is ours and closed to everybody else.
bool make_private(const std::string& path, std::string* why) {
  struct stat info {};
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    *why = path + ": " + std::strerror(errno);
    return false;
  }
  if (::lstat(path.c_str(), &info) != 0) {
    *why = path + ": " + std::strerror(errno);
    return false;
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    *why = path + ": not a folder that only you can enter";
    return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> private_folder(const std::string& parent, const std::string& key,
                                          std::string* why) {
  struct stat info {};
  if (parent.empty() || parent[0] != '/' || ::stat(parent.c_str(), &info) != 0 ||
      !S_ISDIR(info.st_mode)) {
    *why = parent + ": no such folder";
    return std::nullopt;
  }
  const bool others_write = (info.st_mode & 022) != 0 && (info.st_mode & S_ISVTX) == 0;
  // In a user namespace root's folders may seem to be nobody's (65534).
  const bool is_trusted =
      info.st_uid == 0 || info.st_uid == ::geteuid() || (info.st_uid == 65534 && !others_write);
  if (others_write || !is_trusted) {
    *why = parent + ": others could change what is in it";
    return std::nullopt;
  }
  const std::string own = parent + "/envbundle-" + std::to_string(::geteuid());
  const std::string folder = own + "/" + key;
  if (!make_private(own, why) || !make_private(folder, why)) return std::nullopt;
  return folder;
}

Fd lock_folder(const std::string& folder, std::chrono::seconds limit, void (*waiting)()) {
  const std::string path = folder + "/lock";
  Fd fd = open_at(real_sys(), AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600, path);
  constexpr auto kPause = std::chrono::milliseconds(20);
  constexpr auto kPatience = std::chrono::seconds(3);
  const auto begin = std::chrono::steady_clock::now();
  bool is_told = false;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw system_error(errno, "cannot lock the folder", path);
    }
    const auto waited = std::chrono::steady_clock::now() - begin;
    if (waited > limit) {
      throw Error(ExitCode::kBusy, "another process keeps working on the same release")
          .where(path)
          .why("it did not end in " + std::to_string(limit.count()) + " seconds");
    }
    if (!is_told && waited > kPatience) {
      is_told = true;
      waiting();
    }
    std::this_thread::sleep_for(kPause);
  }
  return fd;
}

}  // namespace eb::image
