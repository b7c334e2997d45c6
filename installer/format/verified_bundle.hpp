#pragma once

#include <memory>
#include <string>
#include <vector>

#include "installer/format/container.hpp"
#include "installer/format/index.hpp"
#include "installer/format/signature_policy.hpp"
#include "installer/format/trust.hpp"

namespace eb {

/// A bundle's header whose digest and signatures were checked. Only verify_header() makes one, and
/// unpack takes nothing else, so unverified bytes cannot reach it (DESIGN §4).
class VerifiedBundle {
 public:
  const Prologue& prologue() const { return prologue_; }
  const Index& index() const { return index_; }
  const Sha256& id() const { return prologue_.index_digest; }
  /// "<name>-<first 16 hexadecimal digits of the ID>": the release's folder name.
  std::string release_name() const;
  const std::vector<std::byte>& index_bytes() const { return index_bytes_; }
  const std::vector<std::byte>& signature_bytes() const { return signature_bytes_; }
  const std::vector<AcceptedSignature>& accepted() const { return accepted_; }
  /// What a person should know of its signatures (SignatureVerdict::notes).
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  VerifiedBundle() = default;
  friend VerifiedBundle verify_header(const Prologue&, std::vector<std::byte>,
                                      std::vector<std::byte>, const TrustPolicy&);
  Prologue prologue_;
  Index index_;
  std::vector<std::byte> index_bytes_;
  std::vector<std::byte> signature_bytes_;
  std::vector<AcceptedSignature> accepted_;
  std::vector<std::string> notes_;
};

/// Order of checks (DESIGN §5): digest of the index (kDigestMismatch) → signatures against `policy`
/// (kUntrusted; kPolicy when the only good key is past its time) → only then the index is parsed
/// (kMalformed) → the keys' windows again, at the later of `policy.now` and the bundle's own time
/// (kPolicy). The message of kUntrusted names the fingerprints that the bundle carries.
VerifiedBundle verify_header(const Prologue& prologue, std::vector<std::byte> index_bytes,
                             std::vector<std::byte> signature_bytes, const TrustPolicy& policy);

}  // namespace eb
