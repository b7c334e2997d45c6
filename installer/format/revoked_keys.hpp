#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A key that must not be believed any more, whoever names it.
struct RevokedKey {
  std::string fingerprint;  ///< "SHA256:…"
  std::string origin;       ///< "FILE, line 3", for messages

  bool operator==(const RevokedKey&) const = default;
};

/// Parses a list of revoked keys as sshd_config(5) RevokedKeys has it in its text form: a public
/// key a line ("TYPE BASE64 [COMMENT]"), with or without the "key:" of ssh-keygen's KRL
/// specifications; also a fingerprint a line ("SHA256:…", with or without "hash:" or "sha256:").
/// Comments and blank lines are skipped. Keys of any type may stand there.
///
/// Throws Error(kUntrusted) naming file and line on anything else, a binary KRL among it: a list
/// that is not understood might revoke just the key in question (F036).
std::vector<RevokedKey> parse_revoked_keys(std::string_view text, const std::string& name);

/// True for "SHA256:" and 43 characters of base64.
bool is_fingerprint(std::string_view text);

}  // namespace eb
