#pragma once

#include <string>

#include "installer/base/error.hpp"
#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/ssh/folders.hpp"
#include "runtime/envrun/ssh/sshd_program.hpp"

namespace eb {

/// /proc/sys/crypto/fips_enabled of the machine: Ed25519 is refused there, by sshd and by clients.
bool fips_is_on(const World& world);

/// The server's own key.
struct HostKey {
  std::string path;         ///< of the private half; PATH.pub is the other
  std::string public_line;  ///< "ssh-ed25519 AAAA…", as known_hosts has it behind the names
  std::string fingerprint;  ///< "SHA256:…"
  bool is_new = false;
};

/// The key of the state folder, made by `sshd`'s ssh-keygen where there is none: Ed25519, on a
/// FIPS host ECDSA P-256. One for all nodes and ports of the user. Throws Error.
HostKey ensure_host_key(Session& session, const SshdProgram& sshd, const SshdFolders& folders);

/// How many keys a text in the format of authorized_keys(5) names; lines that ssh-keygen does not
/// understand do not count. Throws Error(kUsage) when `text` holds a private key.
struct KeyCount {
  int good = 0;
  int bad = 0;           ///< lines that are neither keys nor comments
  int not_for_fips = 0;  ///< of the good ones
};
KeyCount count_keys(Session& session, const SshdProgram& sshd, const std::string& path,
                    const std::string& text);

/// Copies `source` into the state folder as the file that sshd reads, 0600, instead of what was
/// there. Throws Error when it holds no key; the old file stays then.
KeyCount adopt_authorized_keys(Session& session, const SshdProgram& sshd,
                               const SshdFolders& folders, const std::string& source);

/// The Error for a server that nobody could log in to; its hints name the user's own key files.
Error no_keys_error(const World& world, const SshdFolders& folders);

}  // namespace eb
