#include "installer/format/signature_policy.hpp"

#include <algorithm>
#include <set>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"

namespace eb {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out.append(out.empty() ? "" : ", ").append(part);
  return out;
}

std::string count_of(size_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

enum class Standing {
  kCounts,
  kExpiredButAllowed,
  kTooEarly,
  kTooLate,
  kNotInFips,
  kRevoked,
  kUnknown,
};

/// What the policy says of one key.
struct Verdict {
  Standing standing = Standing::kUnknown;
  std::string principal;
  std::string detail;  ///< the rest of a sentence that begins with the fingerprint
};

const RevokedKey* find_revoked(const std::string& fingerprint, const TrustPolicy& policy) {
  const auto at = std::ranges::find(policy.revoked, fingerprint, &RevokedKey::fingerprint);
  return at == policy.revoked.end() ? nullptr : &*at;
}

bool is_for_bundles(const AllowedSigner& signer) {
  return !signer.namespaces || pattern_list_matches(*signer.namespaces, kSignatureNamespace);
}

// The best that any line says of the key: one that is over does not undo one that holds.
Verdict judge_lines(const SshPublicKey& key, const TrustPolicy& policy) {
  Verdict out;
  for (const AllowedSigner& signer : policy.signers) {
    if (signer.key != key) continue;
    if (!is_for_bundles(signer)) {
      if (out.detail.empty()) {
        out.detail = "is listed for namespaces=\"" + *signer.namespaces + "\", a bundle's is " +
                     kSignatureNamespace;
      }
      continue;
    }
    if (signer.valid_after && policy.now < *signer.valid_after) {
      out = {Standing::kTooEarly, signer.principals,
             "is valid only from " + utc_text(*signer.valid_after) + " on"};
    } else if (signer.valid_before && policy.now > *signer.valid_before) {
      out = {policy.allow_expired ? Standing::kExpiredButAllowed : Standing::kTooLate,
             signer.principals, "was valid only until " + utc_text(*signer.valid_before)};
    } else {
      return {Standing::kCounts, signer.principals, {}};
    }
  }
  return out;
}

Verdict judge(const SshPublicKey& key, const TrustPolicy& policy) {
  const std::string fingerprint = key.fingerprint();
  // Before everything else: neither a line nor --trust brings a revoked key back.
  if (const RevokedKey* revoked = find_revoked(fingerprint, policy)) {
    return {Standing::kRevoked, {}, "is revoked (" + revoked->origin + ")"};
  }
  Verdict out = judge_lines(key, policy);
  if (out.standing != Standing::kCounts &&
      std::ranges::find(policy.fingerprints, fingerprint) != policy.fingerprints.end()) {
    out = {Standing::kCounts, {}, {}};
  }
  if (policy.fips && out.standing != Standing::kUnknown && key.type != "ecdsa-sha2-nistp256") {
    out = {Standing::kNotInFips, {}, "is of type " + key.type + ", which FIPS mode leaves out"};
  }
  return out;
}

/// All keys of a bundle, sorted by what the policy says of them.
struct Tally {
  SignatureVerdict good;
  std::vector<std::string> unknown;                            ///< fingerprints
  std::vector<std::string> elsewhere;                          ///< of them: for other namespaces
  std::vector<std::string> revoked, not_in_fips, early, late;  ///< "FINGERPRINT DETAIL"
};

Tally tally(const std::vector<SshSignature>& signatures, const TrustPolicy& policy) {
  Tally out;
  std::vector<SshPublicKey> seen;
  for (const SshSignature& signature : signatures) {
    if (std::ranges::find(seen, signature.key) != seen.end()) continue;
    seen.push_back(signature.key);
    const std::string fingerprint = signature.key.fingerprint();
    const Verdict verdict = judge(signature.key, policy);
    const std::string text = fingerprint + " " + verdict.detail;
    switch (verdict.standing) {
      case Standing::kExpiredButAllowed:
        out.good.notes.push_back("the key " + text + ", and counts because of --allow-expired");
        [[fallthrough]];
      case Standing::kCounts:
        out.good.accepted.push_back({fingerprint, verdict.principal});
        break;
      case Standing::kTooEarly:
        out.early.push_back(text);
        break;
      case Standing::kTooLate:
        out.late.push_back(text);
        break;
      case Standing::kNotInFips:
        out.not_in_fips.push_back(text);
        break;
      case Standing::kRevoked:
        out.revoked.push_back(text);
        break;
      case Standing::kUnknown:
        out.unknown.push_back(fingerprint);
        if (!verdict.detail.empty()) out.elsewhere.push_back(text);
        break;
    }
  }
  for (const auto* group : {&out.early, &out.late, &out.not_in_fips, &out.revoked}) {
    for (const std::string& text : *group) {
      out.good.notes.push_back("the key " + text + ": its signature does not count");
    }
  }
  return out;
}

std::string describe_policy(const TrustPolicy& policy) {
  std::set<std::string> keys;  // a list may name one twice
  for (const AllowedSigner& signer : policy.signers) {
    if (is_for_bundles(signer)) keys.insert(signer.key.fingerprint());
  }
  if (keys.empty() && policy.fingerprints.empty()) return "no key is trusted here";
  std::vector<std::string> parts;
  if (!keys.empty()) {
    std::string from = policy.origin.empty() ? "" : " of " + policy.origin;
    parts.push_back(count_of(keys.size(), "key") + from);
  }
  if (!policy.fingerprints.empty()) {
    parts.push_back(count_of(policy.fingerprints.size(), "fingerprint") + " given with --trust");
  }
  return "trusted here: " + joined(parts);
}

Error untrusted(const TrustPolicy& policy, unsigned required, size_t accepted,
                const std::vector<std::string>& unknown,
                const std::vector<std::string>& elsewhere) {
  const std::string known =
      describe_policy(policy) + (elsewhere.empty() ? "" : "; " + joined(elsewhere));
  if (accepted == 0) {
    Error error(ExitCode::kUntrusted, "the bundle is signed by a key that is not trusted here");
    error.why("signed by " + joined(unknown) + "; " + known);
    error.hint("compare the fingerprint with the one that the publisher names by another way");
    error.hint("if it is the same, give --trust " + unknown.front() +
               ", or --allowed-signers FILE with the publisher's key");
    return error;
  }
  Error error(ExitCode::kUntrusted, "the bundle has too few trusted signatures");
  error.why(count_of(required, "key") + " required, " + std::to_string(accepted) +
            (accepted == 1 ? " counts" : " count") +
            (unknown.empty() ? "" : ", not trusted: " + joined(unknown)) + "; " + known);
  error.hint("have the bundle signed with another key, or give --allowed-signers FILE with all");
  return error;
}

std::string tally_text(unsigned required, const Tally& all) {
  const size_t counting = all.good.accepted.size();
  return count_of(required, "key") + " required, " + std::to_string(counting) +
         (counting == 1 ? " counts" : " count");
}

Error too_few(const Tally& all, const TrustPolicy& policy, unsigned required) {
  const size_t in_time = all.good.accepted.size() + all.early.size() + all.late.size();
  // With a revoked key among the signers nothing else matters to a person: somebody may hold it.
  if (!all.revoked.empty()) {
    return Error(ExitCode::kUntrusted, "the bundle is signed by a revoked key")
        .why(joined(all.revoked) + "; " + tally_text(required, all))
        .hint("do not use it: whoever made it may hold a stolen key")
        .hint("ask the publisher for a bundle that another key has signed");
  }
  if (!all.not_in_fips.empty() && in_time + all.not_in_fips.size() >= required) {
    const bool none = all.good.accepted.empty();
    return Error(ExitCode::kUntrusted, none ? "no signature of the bundle counts in FIPS mode"
                                            : "too few signatures of the bundle count in FIPS mode")
        .why(joined(all.not_in_fips) + (none ? "" : "; " + tally_text(required, all)))
        .hint(
            "have it signed with an ECDSA P-256 key too: 'envbundle keygen --type ecdsa', then "
            "'envbundle sign'")
        .hint("where the site's rules allow Ed25519, give --fips off");
  }
  if (in_time >= required) {
    std::vector<std::string> outside = all.early;
    outside.insert(outside.end(), all.late.begin(), all.late.end());
    Error error = Error(ExitCode::kPolicy, "the signing key is not valid at this time")
                      .why(joined(outside) + "; it is now " + utc_text(policy.now));
    error.hint("check the clock of this machine, and ask the publisher for a bundle signed anew");
    if (all.early.empty()) error.hint("if you want it all the same, give --allow-expired");
    return error;
  }
  std::vector<std::string> unknown = all.unknown;
  for (const auto* group : {&all.early, &all.late, &all.not_in_fips}) {
    unknown.insert(unknown.end(), group->begin(), group->end());
  }
  return untrusted(policy, required, all.good.accepted.size(), unknown, all.elsewhere);
}

}  // namespace

SignatureVerdict judge_signatures(const std::vector<SshSignature>& signatures,
                                  const TrustPolicy& policy, bool early_counts) {
  const unsigned required = std::max(policy.required_signatures, 1u);
  Tally all = tally(signatures, policy);
  const size_t enough = all.good.accepted.size() + (early_counts ? all.early.size() : 0);
  if (enough < required) throw too_few(all, policy, required);
  return std::move(all.good);
}

std::vector<std::string> revoked_signers(const std::vector<SshSignature>& signatures,
                                         const TrustPolicy& policy) {
  std::vector<std::string> out;
  for (const SshSignature& signature : signatures) {
    const std::string fingerprint = signature.key.fingerprint();
    if (const RevokedKey* revoked = find_revoked(fingerprint, policy)) {
      out.push_back(fingerprint + " (" + revoked->origin + ")");
    }
  }
  return out;
}

}  // namespace eb
