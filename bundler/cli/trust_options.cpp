#include "bundler/cli/trust_options.hpp"

#include <ctime>

namespace eb {
namespace {
constexpr size_t kMaxTrustFileSize = 1u << 20;
}

void add_trust_options(CLI::App& app, TrustOptions& options) {
  app.add_option("--allowed-signers", options.allowed_signers,
                 "Trust file in OpenSSH's form (ssh-keygen(1)); may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--trust", options.fingerprints, "Fingerprint of a key; may be repeated")
      ->type_name("SHA256:…")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--require-signatures", options.required, "So many different trusted keys")
      ->type_name("N")
      ->check(CLI::Range(1U, kMaxSignatures))
      ->capture_default_str();
}

TrustPolicy trust_policy(const TrustOptions& options, const BundleHeader& header,
                         EventSink& events) {
  TrustPolicy policy;
  policy.now = std::time(nullptr);
  policy.required_signatures = options.required;
  policy.fingerprints = options.fingerprints;
  policy.origin = "the command line";
  for (const std::string& file : options.allowed_signers) {
    const auto text = read_file_at(real_sys(), AT_FDCWD, file.c_str(), kMaxTrustFileSize, file);
    std::vector<std::string> skipped;
    for (AllowedSigner& signer : parse_allowed_signers(as_text(text), file, &skipped)) {
      policy.signers.push_back(std::move(signer));
    }
    for (const std::string& line : skipped) events.on(Warning{line});
    policy.origin = file;
  }
  if (!options.given()) {
    policy.origin = "the bundle's own signatures";
    for (const auto& blob : header.signatures) {
      policy.fingerprints.push_back(parse_sshsig(blob).key.fingerprint());
    }
  }
  return policy;
}

}  // namespace eb
