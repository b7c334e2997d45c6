#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "installer/format/sshsig.hpp"

namespace eb {

/// The outer part of an openssh-key-v1 file (PROTOCOL.key): readable without a passphrase.
struct OpensshKeyFile {
  SshPublicKey public_key;
  std::string cipher;              ///< "none" without a passphrase
  std::vector<std::byte> section;  ///< the private part, as it stands there
};
/// Throws Error(kUntrusted) on anything else than one Ed25519 or ECDSA P-256 key.
OpensshKeyFile parse_openssh_key_file(std::string_view text, const std::string& name);

}  // namespace eb
