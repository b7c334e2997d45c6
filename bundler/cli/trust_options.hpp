#pragma once

#include <string>
#include <vector>

#include "bundler/cli/commands.hpp"
#include "bundler/pack/resign.hpp"
#include "installer/format/trust.hpp"

namespace eb {

struct TrustOptions {
  std::string allowed_signers;            ///< a file; "" = none
  std::vector<std::string> fingerprints;  ///< SHA256:…
  std::vector<std::string> revoked_keys;  ///< files
  unsigned required = 1;

  bool given() const { return !allowed_signers.empty() || !fingerprints.empty(); }
};

void add_trust_options(CLI::App& app, TrustOptions& options);

/// The policy that the options ask for. Without any it takes the keys that the bundle carries: the
/// signatures must hold, whoever made them.
TrustPolicy trust_policy(const TrustOptions& options, const BundleHeader& header,
                         EventSink& events);

}  // namespace eb
