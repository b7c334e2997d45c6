#include "installer/install/trust_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxTrustFile = 1u << 20;  // bytes; thousands of keys

// Who may have written the file decides whether it may be believed (sshd's StrictModes has the same
// rule). A link is refused because its place says nothing about what it leads to.
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
            "--allowed-signers wants an OpenSSH allowed_signers file; for the fingerprint of a "
            "key there is --trust SHA256:...");
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

bool exists(Sys& sys, const std::string& path) {
  struct stat info {};
  return !path.empty() && sys.fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

bool is_fingerprint(const std::string& text) {
  static constexpr std::string_view kPrefix = "SHA256:";
  return text.size() == kPrefix.size() + 43 && text.starts_with(kPrefix) &&
         std::all_of(text.begin() + kPrefix.size(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; });
}

TrustStore TrustStore::load(Sys& sys, const TrustSettings& options, EventSink& events) {
  TrustStore out;
  out.policy_.required_signatures = options.required_signatures;
  out.policy_.now = options.now;
  for (const std::string& fingerprint : options.fingerprints) {
    if (!is_fingerprint(fingerprint)) {
      throw Error(ExitCode::kUsage, "--trust wants the fingerprint of a key")
          .why("got '" + fingerprint + "', expected SHA256: and 43 characters")
          .hint("'ssh-keygen -lf KEY.pub' prints a key's fingerprint")
          .hint("for a file of keys there is --allowed-signers FILE");
    }
    out.policy_.fingerprints.push_back(fingerprint);
  }
  if (!options.fingerprints.empty()) out.origins_.emplace_back("--trust");

  if (options.allowed_signers) {
    out.add_signers(read_trust_file(sys, *options.allowed_signers, options.uid),
                    *options.allowed_signers, events);
  } else if (options.fingerprints.empty()) {
    for (const std::string& file : {options.user_file, options.site_file}) {
      if (!exists(sys, file)) continue;
      out.add_signers(read_trust_file(sys, file, options.uid), file, events);
      break;
    }
    if (!options.anchors.empty()) out.add_signers(options.anchors, kAnchorsOrigin, events);
  }
  for (const std::string& origin : out.origins_) {
    if (origin == "--trust") continue;
    out.policy_.origin += (out.policy_.origin.empty() ? "" : " and ") + origin;
  }
  return out;
}

void TrustStore::add_signers(const std::string& text, const std::string& origin,
                             EventSink& events) {
  std::vector<std::string> skipped;
  std::vector<AllowedSigner> signers = parse_allowed_signers(text, origin, &skipped);
  for (const std::string& line : skipped) events.on(Warning{line});
  for (AllowedSigner& signer : signers) {
    key_origins_.emplace_back(signer.key.fingerprint(), origin);
    policy_.signers.push_back(std::move(signer));
  }
  origins_.push_back(origin);
}

std::string TrustStore::origin_of(const AcceptedSignature& signature) const {
  // A key named by a file has its line's principal; what --trust let in has none.
  if (!signature.principal.empty()) {
    for (const auto& [fingerprint, origin] : key_origins_) {
      if (fingerprint == signature.fingerprint) return origin;
    }
  }
  return "--trust";
}

}  // namespace eb
