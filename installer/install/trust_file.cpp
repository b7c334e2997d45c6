#include "installer/install/trust_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxTrustFile = 1u << 20;  // bytes; thousands of keys

}  // namespace

std::string read_trust_file(Sys& sys, const std::string& path, uid_t uid) {
  int fd = 0;
  do {
    fd = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  } while (fd == -EINTR);
  if (fd == -ELOOP) {
    throw Error(ExitCode::kUntrusted, "a trust file must not be a symbolic link")
        .where(path)
        .hint("name the file itself with --allowed-signers");
  }
  if (fd == -ENOENT || fd == -ENOTDIR) {
    throw Error(ExitCode::kUsage, "there is no such trust file")
        .where(path)
        .hint(
            "--allowed-signers wants an OpenSSH allowed_signers file, --revoked-keys a list of "
            "keys; "
            "for the fingerprint of a key there is --trust SHA256:...");
  }
  if (fd < 0) {
    throw system_error(-fd, "cannot open the trust file", path).hint("check that you may read it");
  }
  const Fd file(sys, fd);
  struct stat info {};
  if (const int r = sys.fstat(file.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at the trust file", path);
  }
  if (!S_ISREG(info.st_mode)) {
    throw Error(ExitCode::kUntrusted, "a trust file must be a regular file")
        .where(path)
        .hint("give the path of an OpenSSH allowed_signers file");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777));
    throw Error(ExitCode::kUntrusted, "others may write the trust file")
        .where(path)
        .why(std::string("its mode is ") + mode)
        .hint("check what it holds, then: chmod go-w " + path);
  }
  if (info.st_uid != uid && info.st_uid != 0) {
    throw Error(ExitCode::kUntrusted, "the trust file belongs to somebody else")
        .where(path)
        .why("its owner is user " + std::to_string(info.st_uid) + ", neither you (" +
             std::to_string(uid) + ") nor root")
        .hint("check what it holds, then make a copy of your own and name that");
  }
  std::string text(kMaxTrustFile + 1, '\0');
  text.resize(read_up_to(sys, file.get(), text.data(), text.size(), path));
  if (text.size() > kMaxTrustFile) {
    throw Error(ExitCode::kUntrusted, "the trust file is too large")
        .where(path)
        .why("at most " + std::to_string(kMaxTrustFile) + " bytes are read")
        .hint("give a file that holds the publishers' keys alone");
  }
  return text;
}

bool trust_file_exists(Sys& sys, const std::string& path) {
  if (path.empty()) return false;
  struct stat info {};
  const int r = sys.fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  return r != -ENOENT && r != -ENOTDIR;
}

}  // namespace eb
