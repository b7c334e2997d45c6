#include "bundler/cli/trust_options.hpp"

#include <unistd.h>

#include <ctime>

#include "installer/base/sys.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {
void add_trust_options(CLI::App& app, TrustOptions& options) {
  app.add_option("--allowed-signers", options.allowed_signers,
                 "Trust file in OpenSSH's form (ssh-keygen(1))")
      ->type_name("FILE");
  app.add_option("--trust", options.fingerprints, "Fingerprint of a key; may be repeated")
      ->type_name("SHA256:…")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--revoked-keys", options.revoked_keys,
                 "Keys and fingerprints that never count; may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--require-signatures", options.required, "So many different trusted keys")
      ->type_name("N")
      ->check(CLI::Range(1U, kMaxSignatures))
      ->capture_default_str();
}

TrustPolicy trust_policy(const TrustOptions& options, const BundleHeader& header,
                         EventSink& events) {
  TrustSettings settings;
  if (!options.allowed_signers.empty()) settings.allowed_signers = options.allowed_signers;
  settings.fingerprints = options.fingerprints;
  settings.revoked_keys = options.revoked_keys;
  settings.required_signatures = options.required;
  settings.uid = ::getuid();
  settings.now = std::time(nullptr);
  TrustPolicy policy = TrustStore::load(real_sys(), settings, events).policy();
  if (!options.given()) {
    policy.origin = "the bundle's own signatures";
    for (const auto& blob : header.signatures) {
      policy.fingerprints.push_back(parse_sshsig(blob).key.fingerprint());
    }
  }
  return policy;
}

}  // namespace eb
