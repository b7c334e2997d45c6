#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "installer/base/digest.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {

/// A key that can sign: one read from a file, or one that an ssh-agent holds.
class SigningKey {
 public:
  virtual ~SigningKey() = default;

  const SshPublicKey& public_key() const { return public_key_; }
  const std::string& comment() const { return comment_; }
  /// The signature over `data` in SSH's form (RFC 8709 §6, RFC 5656 §3.1.2): its type and its
  /// value. Throws Error(kUntrusted) when the agent refuses.
  virtual std::vector<std::byte> sign(Bytes data) const = 0;

 protected:
  SigningKey(SshPublicKey key, std::string comment)
      : public_key_(std::move(key)), comment_(std::move(comment)) {}

 private:
  SshPublicKey public_key_;
  std::string comment_;
};

/// Reads an OpenSSH private key (Ed25519 or ECDSA P-256). A key with a passphrase, or FILE.pub in
/// FILE's place, is taken from the ssh-agent at `agent_socket` ("" = there is none). Throws
/// Error(kUntrusted) for what cannot sign, kPermission for a key that others may read.
std::unique_ptr<SigningKey> load_signing_key(const std::filesystem::path& file,
                                             const std::string& agent_socket);

/// The text of a private key file: what load_signing_key() reads; `name` is for messages.
std::unique_ptr<SigningKey> parse_private_key(std::string_view text, const std::string& name);

/// An SSHSIG blob over `index` in the namespace of bundles (kSignatureNamespace), checked once with
/// the verifier before it is returned.
std::vector<std::byte> make_sshsig(const SigningKey& key, Bytes index);

/// How long make_sshsig()'s blob will be, where every signature of that kind of key has one length.
std::optional<size_t> sshsig_size(const SigningKey& key);

/// One allowed_signers line that trusts the key for bundles and nothing else.
std::string allowed_signers_line(const SigningKey& key);

}  // namespace eb
