#include "installer/format/verified_bundle.hpp"

#include <algorithm>
#include <ctime>
#include <string_view>

#include "installer/base/error.hpp"
#include "installer/base/version.hpp"

namespace eb {
namespace {

std::string utc(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32] = {};
  if (gmtime_r(&time, &parts) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return std::to_string(seconds);
  }
  return text;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out.append(out.empty() ? "" : ", ").append(part);
  return out;
}

std::string count_of(size_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

void check_sizes(const Prologue& prologue, Bytes index, Bytes signatures) {
  const auto check = [](const char* name, uint64_t stated, uint64_t actual) {
    if (stated == actual) return;
    throw Error(ExitCode::kMalformed, std::string("the ") + name + " of the bundle is cut off")
        .why("the prologue states " + std::to_string(stated) + " bytes, here are " +
             std::to_string(actual));
  };
  check("index", prologue.index_size, index.size());
  check("signature list", prologue.signatures_size, signatures.size());
}

void check_index_digest(const Prologue& prologue, Bytes index) {
  const Sha256 actual = sha256(index);
  if (actual == prologue.index_digest) return;
  throw Error(ExitCode::kDigestMismatch, "the index does not match its digest")
      .where("bytes " + std::to_string(prologue.index_offset()) + "-" +
             std::to_string(prologue.index_offset() + prologue.index_size - 1))
      .why("expected sha256 " + prologue.index_digest.hex() + ", got " + actual.hex())
      .hint("the file was damaged on its way; compare its sha256 with the one published beside it");
}

// Every signature that the bundle carries must hold, also those by keys that nobody here knows: a
// bundle of which any part was changed is not accepted (F035).
std::vector<SshSignature> check_signatures(Bytes index, Bytes signature_bytes) {
  const auto blobs = parse_signatures(signature_bytes);
  if (blobs.empty()) {
    throw Error(ExitCode::kUntrusted, "the bundle carries no signature")
        .hint("sign it on the connected machine with 'envbundle sign'");
  }
  std::vector<SshSignature> out;
  for (size_t i = 0; i < blobs.size(); ++i) {
    const std::string where =
        "signature " + std::to_string(i + 1) + " of " + std::to_string(blobs.size());
    try {
      out.push_back(parse_sshsig(blobs[i]));
    } catch (Error& error) {
      error.where(where).hint("copy the bundle again, or have it signed again");
      throw;
    }
    const SshSignature& signature = out.back();
    if (signature.sig_namespace != kSignatureNamespace) {
      throw Error(ExitCode::kUntrusted, "a signature was made for something else")
          .where(where + ", by " + signature.key.fingerprint())
          .why("its namespace is '" + signature.sig_namespace.substr(0, 100) +
               "', that of a bundle is '" + kSignatureNamespace + "'")
          .hint("sign the bundle with 'envbundle sign'");
    }
    if (!verify_sshsig(signature, index)) {
      throw Error(ExitCode::kUntrusted, "a signature does not match the index")
          .where(where + ", by " + signature.key.fingerprint())
          .why("the index or the signature was changed after signing")
          .hint("compare the bundle's sha256 with the one published beside it");
    }
  }
  return out;
}

/// What the policy says of one key.
struct Verdict {
  bool accepted = false;
  std::string principal;
  std::string outside_window;  ///< why a known key does not count now; empty = no such reason
};

Verdict judge(const SshPublicKey& key, const TrustPolicy& policy) {
  Verdict out;
  for (const AllowedSigner& signer : policy.signers) {
    if (signer.key != key) continue;
    if (signer.namespaces && !pattern_list_matches(*signer.namespaces, kSignatureNamespace)) {
      continue;
    }
    if (signer.valid_after && policy.now < *signer.valid_after) {
      out.outside_window = "is valid only from " + utc(*signer.valid_after) + " on";
    } else if (signer.valid_before && policy.now > *signer.valid_before) {
      out.outside_window = "was valid only until " + utc(*signer.valid_before);
    } else {
      return {true, signer.principals, {}};
    }
  }
  if (std::ranges::find(policy.fingerprints, key.fingerprint()) != policy.fingerprints.end()) {
    return {true, {}, {}};
  }
  return out;
}

std::string describe_policy(const TrustPolicy& policy) {
  if (policy.signers.empty() && policy.fingerprints.empty()) return "no key is trusted here";
  std::vector<std::string> parts;
  if (!policy.signers.empty()) {
    std::string from = policy.origin.empty() ? "" : " of " + policy.origin;
    parts.push_back(count_of(policy.signers.size(), "key") + from);
  }
  if (!policy.fingerprints.empty()) {
    parts.push_back(count_of(policy.fingerprints.size(), "fingerprint") + " given with --trust");
  }
  return "trusted here: " + joined(parts);
}

Error untrusted(const TrustPolicy& policy, unsigned required, size_t accepted,
                const std::vector<std::string>& unknown) {
  if (accepted == 0) {
    Error error(ExitCode::kUntrusted, "the bundle is signed by a key that is not trusted here");
    error.why("signed by " + joined(unknown) + "; " + describe_policy(policy));
    error.hint("compare the fingerprint with the one that the publisher names by another way");
    error.hint("if it is the same, give --trust " + unknown.front() +
               ", or --allowed-signers FILE with the publisher's key");
    return error;
  }
  Error error(ExitCode::kUntrusted, "the bundle has too few trusted signatures");
  error.why(count_of(required, "key") + " required, " + std::to_string(accepted) +
            (accepted == 1 ? " counts" : " count") +
            (unknown.empty() ? "" : ", not trusted: " + joined(unknown)) + "; " +
            describe_policy(policy));
  error.hint("have the bundle signed with another key, or give --allowed-signers FILE with all");
  return error;
}

std::vector<AcceptedSignature> apply_policy(const std::vector<SshSignature>& signatures,
                                            const TrustPolicy& policy) {
  const unsigned required = std::max(policy.required_signatures, 1u);
  std::vector<AcceptedSignature> accepted;
  std::vector<std::string> unknown;
  std::vector<std::string> outside;
  std::vector<SshPublicKey> seen;
  for (const SshSignature& signature : signatures) {
    // A key counts once, however often it signed (F034).
    if (std::ranges::find(seen, signature.key) != seen.end()) continue;
    seen.push_back(signature.key);
    const std::string fingerprint = signature.key.fingerprint();
    const Verdict verdict = judge(signature.key, policy);
    if (verdict.accepted) {
      accepted.push_back({fingerprint, verdict.principal});
    } else if (!verdict.outside_window.empty()) {
      outside.push_back(fingerprint + " " + verdict.outside_window);
    } else {
      unknown.push_back(fingerprint);
    }
  }
  if (accepted.size() >= required) return accepted;
  if (accepted.size() + outside.size() >= required) {
    throw Error(ExitCode::kPolicy, "the signing key is not valid at this time")
        .why(joined(outside) + "; it is now " + utc(policy.now))
        .hint("check the clock of this machine, and ask the publisher for a bundle signed anew");
  }
  unknown.insert(unknown.end(), outside.begin(), outside.end());
  throw untrusted(policy, required, accepted.size(), unknown);
}

void check_min_installer(const Index& index) {
  const auto needed = index.meta.find(meta_key::kMinInstaller);
  if (needed == index.meta.end()) return;
  const auto minimum = DottedVersion::parse(needed->second);
  const auto ours = DottedVersion::parse_prefix(EB_VERSION);
  if (minimum && ours && *ours >= *minimum) return;
  throw Error(ExitCode::kMalformed, "the bundle needs a newer installer")
      .why("it asks for envinstall " + needed->second + " or newer, this is " EB_VERSION)
      .hint("use the envinstall that came with the bundle");
}

void check_data_size(const Prologue& prologue, const Index& index) {
  const uint64_t frames = totals(index).compressed_bytes;
  if (frames == prologue.data_size) return;
  throw Error(ExitCode::kMalformed, "prologue and index of the bundle do not agree")
      .where("bytes 32-39")
      .why("the prologue states " + std::to_string(prologue.data_size) +
           " bytes of data, the frames of the index have " + std::to_string(frames));
}

}  // namespace

std::string VerifiedBundle::release_name() const {
  return index_.meta.at(meta_key::kName) + "-" + id().hex().substr(0, 16);
}

VerifiedBundle verify_header(const Prologue& prologue, std::vector<std::byte> index_bytes,
                             std::vector<std::byte> signature_bytes, const TrustPolicy& policy) {
  check_sizes(prologue, index_bytes, signature_bytes);
  check_index_digest(prologue, index_bytes);
  VerifiedBundle out;
  out.accepted_ = apply_policy(check_signatures(index_bytes, signature_bytes), policy);
  out.index_ = parse_index(index_bytes);
  check_min_installer(out.index_);
  check_data_size(prologue, out.index_);
  out.prologue_ = prologue;
  out.index_bytes_ = std::move(index_bytes);
  out.signature_bytes_ = std::move(signature_bytes);
  return out;
}

}  // namespace eb
