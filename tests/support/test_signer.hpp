#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "installer/format/ssh_wire.hpp"
#include "installer/format/sshsig.hpp"

namespace eb::test {

/// A key that signs as PROTOCOL.sshsig has it, written apart from the bundler's signer so that one
/// can be wrong without the other.
class TestSigner {
 public:
  using Blob = std::vector<std::byte>;

  /// Ed25519; the same number gives the same key.
  static TestSigner ed25519(unsigned char number) {
    std::array<unsigned char, 32> seed{};
    seed.fill(number);
    return TestSigner("ssh-ed25519", EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                                  seed.data(), seed.size()));
  }
  /// ECDSA P-256, a new key each time.
  static TestSigner p256() { return TestSigner("ecdsa-sha2-nistp256", EVP_EC_gen("prime256v1")); }

  const Blob& wire() const { return wire_; }
  SshPublicKey key() const { return parse_public_key_wire(wire_); }

  /// The SSHSIG blob over `message`.
  Blob sign(Bytes message, const std::string& hash = "sha512",
            const std::string& sig_namespace = kSignatureNamespace) const {
    return blob(sign_raw(sshsig_signed_data(sig_namespace, hash, message)), hash, sig_namespace);
  }

  /// A blob around any raw signature, right or wrong.
  Blob blob(Bytes raw, const std::string& hash = "sha512",
            const std::string& sig_namespace = kSignatureNamespace) const {
    Blob signature;
    append_ssh_string(signature, as_bytes(type_));
    append_ssh_string(signature, raw);
    return blob_of(wire_, sig_namespace, hash, signature);
  }

  static Blob blob_of(Bytes key, const std::string& sig_namespace, const std::string& hash,
                      Bytes signature, uint32_t version = 1, const std::string& reserved = "") {
    Blob out;
    append(out, as_bytes("SSHSIG"));
    append_ssh_u32(out, version);
    append_ssh_string(out, key);
    append_ssh_string(out, as_bytes(sig_namespace));
    append_ssh_string(out, as_bytes(reserved));
    append_ssh_string(out, as_bytes(hash));
    append_ssh_string(out, signature);
    return out;
  }

  /// Ed25519: R ‖ S. ECDSA: two mpints.
  Blob sign_raw(Bytes data) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    const bool is_ecdsa = type_ != "ssh-ed25519";
    size_t size = 0;
    const auto* octets = reinterpret_cast<const unsigned char*>(data.data());
    require(EVP_DigestSignInit(context.get(), nullptr, is_ecdsa ? EVP_sha256() : nullptr, nullptr,
                               pkey_.get()));
    require(EVP_DigestSign(context.get(), nullptr, &size, octets, data.size()));
    Blob out(size);
    require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                           octets, data.size()));
    out.resize(size);
    return is_ecdsa ? mpints_of_der(out) : out;
  }

 private:
  TestSigner(std::string type, EVP_PKEY* pkey)
      : type_(std::move(type)), pkey_(pkey, EVP_PKEY_free) {
    require(pkey != nullptr);
    append_ssh_string(wire_, as_bytes(type_));
    size_t size = 0;
    if (type_ == "ssh-ed25519") {
      Blob point(32);
      size = point.size();
      require(
          EVP_PKEY_get_raw_public_key(pkey, reinterpret_cast<unsigned char*>(point.data()), &size));
      append_ssh_string(wire_, point);
    } else {
      Blob point(65);
      require(EVP_PKEY_get_octet_string_param(
          pkey, "pub", reinterpret_cast<unsigned char*>(point.data()), point.size(), &size));
      append_ssh_string(wire_, as_bytes("nistp256"));
      append_ssh_string(wire_, point);
    }
  }

  static void require(int ok) {
    if (ok != 1) throw std::runtime_error("OpenSSL refused");
  }
  static void append(Blob& out, Bytes more) { out.insert(out.end(), more.begin(), more.end()); }

  // SEQUENCE { INTEGER r, INTEGER s }: the content bytes of both are mpints already.
  static Blob mpints_of_der(Bytes der) {
    Blob out;
    Bytes left = der.subspan(2);
    for (int i = 0; i < 2; ++i) {
      const auto size = std::to_integer<size_t>(left[1]);
      append_ssh_string(out, left.subspan(2, size));
      left = left.subspan(2 + size);
    }
    return out;
  }

  std::string type_;
  std::shared_ptr<EVP_PKEY> pkey_;
  Blob wire_;
};

}  // namespace eb::test
