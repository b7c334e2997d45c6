#include "installer/format/verified_bundle.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "installer/base/error.hpp"
#include "installer/base/version.hpp"

namespace eb {
namespace {

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

void check_min_installer(const Index& index) {
  const auto needed = index.meta.find(meta_key::kMinInstaller);
  if (needed == index.meta.end()) return;
  // parse_index() demands a dotted version, and ours is one.
  if (*DottedVersion::parse_prefix(EB_VERSION) >= *DottedVersion::parse(needed->second)) return;
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

// When the bundle was locked: no machine that has it can be earlier than that.
int64_t own_time(const Index& index) {
  const std::string& text = index.meta.at(meta_key::kEpoch);  // parse_index() demands a number
  int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
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
  const std::vector<SshSignature> signatures = check_signatures(index_bytes, signature_bytes);
  judge_signatures(signatures, policy, true);
  // Enough known keys have signed it, so it may be parsed. With the time that it states a clock
  // that stands in 1970 neither shuts out a key nor brings back one that is over (F043).
  out.index_ = parse_index(index_bytes);
  TrustPolicy at_latest = policy;
  at_latest.now = std::max(policy.now, own_time(out.index_));
  SignatureVerdict verdict = judge_signatures(signatures, at_latest, false);
  out.accepted_ = std::move(verdict.accepted);
  out.notes_ = std::move(verdict.notes);
  check_min_installer(out.index_);
  check_data_size(prologue, out.index_);
  out.prologue_ = prologue;
  out.index_bytes_ = std::move(index_bytes);
  out.signature_bytes_ = std::move(signature_bytes);
  return out;
}

}  // namespace eb
