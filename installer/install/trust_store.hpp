#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/base/sys.hpp"
#include "installer/format/trust.hpp"
#include "installer/format/verified_bundle.hpp"

namespace eb {

/// What a person said about trust, and where the defaults lie.
struct TrustSettings {
  std::optional<std::string> allowed_signers;  ///< --allowed-signers
  std::vector<std::string> fingerprints;       ///< --trust
  unsigned required_signatures = 1;            ///< --require-signatures
  std::string user_file;                       ///< "" = none
  std::string site_file;                       ///< "" = none
  std::string anchors;                         ///< text that the installer carries
  uid_t uid = 0;
  int64_t now = 0;
};

/// What is believed, and why.
class TrustStore {
 public:
  /// What the command line names is all that counts: with --allowed-signers or --trust neither the
  /// default files nor the installer's own anchors do, so that a fingerprint got by another way
  /// decides. Otherwise: the user's file, else the site's, and the installer's anchors. A file that
  /// others could have written is Error(kUntrusted) (F046). Keys of unusable types become warnings.
  static TrustStore load(Sys& sys, const TrustSettings& options, EventSink& events);

  const TrustPolicy& policy() const { return policy_; }
  /// Where a key that counted is named: "--trust", "FILE", kAnchorsOrigin.
  std::string origin_of(const AcceptedSignature& signature) const;
  bool empty() const { return policy_.signers.empty() && policy_.fingerprints.empty(); }
  /// All sources, for a report; empty when nothing is trusted.
  const std::vector<std::string>& origins() const { return origins_; }

 private:
  void add_signers(const std::string& text, const std::string& origin, EventSink& events);

  TrustPolicy policy_;
  std::vector<std::string> origins_;
  std::vector<std::pair<std::string, std::string>> key_origins_;  ///< fingerprint, origin
};

inline constexpr char kAnchorsOrigin[] = "the installer's own trust anchors";
/// What an installer that travelled with its bundle can promise (DESIGN §5).
inline constexpr char kAnchorsNote[] =
    "an installer that travelled with the bundle vouches for the bundle, not for itself";

/// True for "SHA256:" and 43 characters of base64.
bool is_fingerprint(const std::string& text);

}  // namespace eb
