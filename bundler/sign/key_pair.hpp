#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "installer/base/digest.hpp"
#include "installer/format/sshsig.hpp"

struct evp_pkey_st;

namespace eb {

/// A private key of OpenSSL's, with the SSH names for what it is.
class KeyPair {
 public:
  /// `type` is "ssh-ed25519" or "ecdsa-sha2-nistp256"; else Error(kUsage).
  static KeyPair generate(std::string_view type);
  /// From the fields of a private key file, which must belong together; else Error(kUntrusted).
  static KeyPair from_ed25519(Bytes seed, Bytes public_bytes);
  static KeyPair from_p256(Bytes scalar, Bytes public_point);

  const std::string& type() const { return type_; }
  SshPublicKey public_key() const;
  /// Type and value, as SigningKey::sign() has it.
  std::vector<std::byte> sign(Bytes data) const;
  /// The fields between key type and comment of an openssh-key-v1 private section.
  std::vector<std::byte> private_fields() const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;
  KeyPair(std::string type, Handle key) : type_(std::move(type)), key_(std::move(key)) {}

  std::string type_;
  Handle key_;
};

/// The two texts of a key pair: OpenSSH's private key file, and its .pub.
struct KeyFiles {
  std::string private_text;
  std::string public_text;
};
KeyFiles encode_key_files(const KeyPair& key, const std::string& comment);

/// Makes FILE (0600) and FILE.pub (0644). Throws Error(kUsage) when one of them exists; after any
/// error neither is left.
SshPublicKey write_new_key(const std::filesystem::path& file, std::string_view type,
                           const std::string& comment);

}  // namespace eb
