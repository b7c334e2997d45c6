#include <algorithm>

#include "bundler/sign/signing_key.hpp"
#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr char kHash[] = "sha512";
constexpr char kPrincipal[] = "envbundle-signer";

std::vector<std::byte> blob_of(const SshPublicKey& key, Bytes signature) {
  SshWriter blob;
  blob.raw("SSHSIG");
  blob.u32(1);
  blob.string(key.wire);
  blob.string(kSignatureNamespace);
  blob.string("");
  blob.string(kHash);
  blob.string(signature);
  return blob.data();
}

}  // namespace

std::vector<std::byte> make_sshsig(const SigningKey& key, Bytes index) {
  const std::vector<std::byte> signature =
      key.sign(sshsig_signed_data(kSignatureNamespace, kHash, index));
  std::vector<std::byte> blob = blob_of(key.public_key(), signature);
  // An agent may answer anything; a bundle with a signature that does not hold is found out by its
  // users.
  if (!verify_sshsig(parse_sshsig(blob), index)) {
    throw Error(ExitCode::kUntrusted, "the signature just made does not hold")
        .where("key " + key.public_key().fingerprint());
  }
  return blob;
}

std::optional<size_t> sshsig_size(const SigningKey& key) {
  if (key.public_key().type != "ssh-ed25519") return std::nullopt;
  SshWriter signature;
  signature.string("ssh-ed25519");
  signature.string(std::vector<std::byte>(64));
  return blob_of(key.public_key(), signature.data()).size();
}

std::string allowed_signers_line(const SigningKey& key) {
  const std::string& comment = key.comment();
  // Anything with a space, quote, comma, wildcard or '#' would mean something else there.
  const bool is_plain = !comment.empty() && std::all_of(comment.begin(), comment.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '@' ||
           c == '.' || c == '-' || c == '_' || c == '+';
  });
  return (is_plain ? comment : kPrincipal) + " namespaces=\"" + kSignatureNamespace + "\" " +
         key.public_key().authorized_line() + "\n";
}

}  // namespace eb
