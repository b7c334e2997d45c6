#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/format/sshsig.hpp"

namespace eb {

/// One line of an OpenSSH allowed_signers file (ssh-keygen(1), "ALLOWED SIGNERS").
struct AllowedSigner {
  std::string principals;
  SshPublicKey key;
  std::optional<std::string> namespaces;  ///< pattern list; absent = any
  std::optional<int64_t> valid_after;     ///< seconds since 1970, UTC
  std::optional<int64_t> valid_before;
};

/// Parses the text of an allowed_signers file; `name` is for messages. Comments and blank lines are
/// skipped. Keys of other types (RSA, …) and cert-authority lines are skipped with a line in
/// `*skipped`. Throws Error(kUntrusted) naming file and line on anything malformed.
std::vector<AllowedSigner> parse_allowed_signers(std::string_view text, const std::string& name,
                                                 std::vector<std::string>* skipped);

/// What the person at the target believes.
struct TrustPolicy {
  std::vector<AllowedSigner> signers;
  std::vector<std::string> fingerprints;  ///< --trust SHA256:…
  unsigned required_signatures = 1;       ///< distinct keys
  int64_t now = 0;                        ///< seconds since 1970
  std::string origin;  ///< "the installer's own trust anchors", "FILE", … for reports
};

}  // namespace eb
