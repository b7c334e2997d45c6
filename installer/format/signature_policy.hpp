#pragma once

#include <string>
#include <vector>

#include "installer/format/sshsig.hpp"
#include "installer/format/trust.hpp"

namespace eb {

/// Why one signature counted.
struct AcceptedSignature {
  std::string fingerprint;
  std::string principal;  ///< from the allowed_signers line; empty for --trust
};

/// What a policy says of the signatures of a bundle.
struct SignatureVerdict {
  std::vector<AcceptedSignature> accepted;
  /// Lines for a person: a signature that was not counted though its key is known, or was counted
  /// by way of an exception.
  std::vector<std::string> notes;
};

/// Judges signatures that hold, each key once however often it signed (F034), at the time
/// `policy.now`. With `early_counts` a key whose time has not come counts too: the caller looks
/// again when it knows the bundle's own time.
///
/// Throws Error: kUntrusted where too few keys are known, where one is revoked that would have been
/// needed (F036), or where too few are of a kind that counts in FIPS mode; kPolicy where the time
/// alone is wrong (F037, F038). The message names the fingerprints that the bundle carries.
SignatureVerdict judge_signatures(const std::vector<SshSignature>& signatures,
                                  const TrustPolicy& policy, bool early_counts);

/// Of the keys that signed, those that the policy's lists revoke: "FINGERPRINT (FILE, line N)".
/// Says nothing about whether the signatures hold.
std::vector<std::string> revoked_signers(const std::vector<SshSignature>& signatures,
                                         const TrustPolicy& policy);

}  // namespace eb
