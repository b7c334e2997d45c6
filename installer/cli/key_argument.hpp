#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {

/// A key as a person names it on the command line.
struct NamedKey {
  std::string fingerprint;
  std::optional<SshPublicKey> key;  ///< absent where only the fingerprint was given
  std::string comment;              ///< printable
};

/// `words` are a public key file, the line of one ("ssh-ed25519 AAAA… comment", as one word or
/// several), or "SHA256:…". Throws Error(kUsage) for nothing, for a private key and for more than
/// one key; kUntrusted for a key that cannot sign bundles. `command` is for the hint.
NamedKey key_of_words(Sys& sys, const std::vector<std::string>& words, const std::string& command);

}  // namespace eb
