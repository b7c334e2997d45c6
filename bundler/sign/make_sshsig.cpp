#include "bundler/sign/signing_key.hpp"
#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/error.hpp"
#include "installer/install/trust_edit.hpp"

namespace eb {
namespace {

constexpr char kHash[] = "sha512";

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
  return signer_line(key.public_key(), plain_principal(key.comment()), "", "");
}

}  // namespace eb
