#include "runtime/envrun/ssh/folders.hpp"

#include <unistd.h>

#include <cerrno>
#include <span>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxText = 1 << 20;

// A node's name as part of a file name.
std::string file_name_of(const std::string& node) {
  std::string name;
  for (const char c : node) name += c == '/' || static_cast<unsigned char>(c) <= ' ' ? '_' : c;
  return name.empty() ? "node" : name;
}

}  // namespace

SshdFolders sshd_folders(const World& world, int port) {
  const std::string base = state_home(world.variables);
  if (base.empty()) {
    throw Error(ExitCode::kUsage, "there is no place for the keys of sshd")
        .why("neither HOME nor XDG_STATE_HOME is an absolute path")
        .hint("set XDG_STATE_HOME to a folder of yours that nobody else may write to");
  }
  SshdFolders folders;
  folders.state = base + "/envbundle/sshd";
  folders.run = folders.state + "/" + file_name_of(world.host_name) + "-" + std::to_string(port);
  return folders;
}

void make_private_folder(Sys& sys, const std::string& folder) {
  for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (const int made = sys.mkdirat(AT_FDCWD, part.c_str(), 0700); made < 0 && made != -EEXIST) {
      // A parent that cannot be written to may still be there, and its child too.
      if (!file_exists(sys, part)) {
        throw system_error(-made, "cannot make a folder for sshd", part)
            .hint("XDG_STATE_HOME chooses another place for it");
      }
    }
    if (end == std::string::npos) break;
  }
  const Fd opened = open_dir_at(sys, AT_FDCWD, folder.c_str(), folder);
  struct stat info {};
  if (const int got = sys.fstat(opened.get(), &info); got < 0) {
    throw system_error(-got, "cannot look at a folder of sshd", folder);
  }
  if (const int set = (info.st_mode & 0777) == 0700 ? 0 : sys.fchmod(opened.get(), 0700); set < 0) {
    throw system_error(-set, "cannot make a folder of sshd private", folder);
  }
}

std::string read_text(Sys& sys, const std::string& path) {
  const auto bytes = read_file_at(sys, AT_FDCWD, path.c_str(), kMaxText, path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_private_text(Sys& sys, const std::string& path, const std::string& text) {
  const size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  const std::string temporary = name + ".new-" + std::to_string(getpid());
  const Fd folder = open_dir_at(sys, AT_FDCWD, path.substr(0, slash).c_str(), path);
  replace_file_at(sys, folder.get(), name.c_str(), temporary.c_str(),
                  std::as_bytes(std::span(text)), 0600, path);
}

bool file_exists(Sys& sys, const std::string& path) {
  struct stat info {};
  return sys.fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0;
}

}  // namespace eb
