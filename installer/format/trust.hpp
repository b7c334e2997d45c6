#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/format/revoked_keys.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {

/// One line of an OpenSSH allowed_signers file (ssh-keygen(1), "ALLOWED SIGNERS").
struct AllowedSigner {
  std::string principals;
  SshPublicKey key;
  std::optional<std::string> namespaces;  ///< pattern list; absent = any
  std::optional<int64_t> valid_after;     ///< seconds since 1970, UTC; valid from then on
  std::optional<int64_t> valid_before;    ///< the last second at which it is valid
  size_t line = 0;                        ///< of the file it stands in, counted from 1
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

/// Seconds since 1970 of YYYYMMDD[HHMM[SS]][Z]: universal time with Z, the system's time zone
/// without, as ssh-keygen has it. nullopt for anything else, and for days that do not exist.
std::optional<int64_t> parse_signer_time(std::string_view text);

/// What the person at the target believes.
struct TrustPolicy {
  std::vector<AllowedSigner> signers;
  std::vector<std::string> fingerprints;  ///< --trust SHA256:…
  std::vector<RevokedKey> revoked;        ///< these never count, whoever names them (F036)
  unsigned required_signatures = 1;       ///< distinct keys; 0 counts as 1
  /// Seconds since 1970: the latest time that clock and prefix know of. The bundle's own time is
  /// added when it has been verified (F043).
  int64_t now = 0;
  /// Only ECDSA P-256 counts: what FIPS 140 modules in use approve of (HPC §15).
  bool fips = false;
  bool allow_expired = false;  ///< a key past its valid-before counts all the same, and is noted
  std::string origin;          ///< "the installer's own trust anchors", "FILE", … for reports
};

}  // namespace eb
