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
  std::optional<int64_t> valid_after;     ///< seconds since 1970, UTC; valid from then on
  std::optional<int64_t> valid_before;    ///< the last second at which it is valid
};

/// Parses the text of an allowed_signers file; `name` is for messages. Comments and blank lines are
/// skipped. Times without a Z are in the system's time zone, as ssh-keygen has it. Keys of other
/// types (RSA, …) and cert-authority lines are skipped with a line in
/// `*skipped`. Throws Error(kUntrusted) naming file and line on anything malformed.
std::vector<AllowedSigner> parse_allowed_signers(std::string_view text, const std::string& name,
                                                 std::vector<std::string>* skipped);

/// ssh_config(5) PATTERNS: comma separated, `*` and `?`, a pattern with `!` rules its matches out.
/// An empty list matches nothing.
bool pattern_list_matches(std::string_view list, std::string_view text);

/// What the person at the target believes.
struct TrustPolicy {
  std::vector<AllowedSigner> signers;
  std::vector<std::string> fingerprints;  ///< --trust SHA256:…
  unsigned required_signatures = 1;       ///< distinct keys; 0 counts as 1
  int64_t now = 0;                        ///< seconds since 1970
  std::string origin;  ///< "the installer's own trust anchors", "FILE", … for reports
};

}  // namespace eb
