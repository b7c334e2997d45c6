#include "installer/install/trust_store.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/install/trust_file.hpp"

namespace eb {
TrustStore TrustStore::load(Sys& sys, const TrustSettings& options, EventSink& events) {
  TrustStore out;
  out.policy_.required_signatures = options.required_signatures;
  out.policy_.now = options.now;
  out.policy_.fips = options.fips;
  out.policy_.allow_expired = options.allow_expired;
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
      if (!trust_file_exists(sys, file)) continue;
      out.add_signers(read_trust_file(sys, file, options.uid), file, events);
      break;
    }
    if (!options.anchors.empty()) out.add_signers(options.anchors, kAnchorsOrigin, events);
  }
  out.policy_.revoked = load_revoked(sys, options);
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

// All lists count, whatever else the command line names: a key that somebody revoked stays so.
std::vector<RevokedKey> TrustStore::load_revoked(Sys& sys, const TrustSettings& options) {
  std::vector<std::string> files = options.revoked_keys;
  for (const std::string& file : {options.user_revoked, options.site_revoked}) {
    if (trust_file_exists(sys, file)) files.push_back(file);
  }
  std::vector<RevokedKey> out;
  for (const std::string& file : files) {
    for (RevokedKey& key : parse_revoked_keys(read_trust_file(sys, file, options.uid), file)) {
      out.push_back(std::move(key));
    }
  }
  return out;
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
