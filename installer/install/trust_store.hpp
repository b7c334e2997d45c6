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
  std::vector<std::string> revoked_keys;       ///< --revoked-keys
  std::string user_file;                       ///< "" = none
  std::string site_file;                       ///< "" = none
  std::string user_revoked;                    ///< "" = none
  std::string site_revoked;                    ///< "" = none
  std::string anchors;                         ///< text that the installer carries
  uid_t uid = 0;
  int64_t now = 0;
  bool fips = false;           ///< as TrustPolicy
  bool allow_expired = false;  ///< as TrustPolicy
};

/// What is believed, and why.
class TrustStore {
 public:
  /// What the command line names is all that counts: with --allowed-signers or --trust neither the
  /// default files nor the installer's own anchors do, so that a fingerprint got by another way
  /// decides. Otherwise: the user's file, else the site's, and the installer's anchors. A file that
  /// others could have written is Error(kUntrusted) (F046). Keys of unusable types become warnings.
  /// Lists of revoked keys count all of them, always: option, user's, site's (F036).
  static TrustStore load(Sys& sys, const TrustSettings& options, EventSink& events);

  /// The revoked keys of all lists: option, user's, site's.
  static std::vector<RevokedKey> load_revoked(Sys& sys, const TrustSettings& options);

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

/// What may be said in FIPS mode, and no more.
inline constexpr char kFipsNote[] =
    "only ECDSA P-256 signatures count; the algorithms are approved ones, the program is no "
    "validated module";
inline constexpr char kAnchorsOrigin[] = "the installer's own trust anchors";
/// What an installer that travelled with its bundle can promise (DESIGN §5).
inline constexpr char kAnchorsNote[] =
    "an installer that travelled with the bundle vouches for the bundle, not for itself";

}  // namespace eb
