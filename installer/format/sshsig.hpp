#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

// SSHSIG, as OpenSSH's PROTOCOL.sshsig has it: reading and checking only. Making signatures is the
// bundler's (bundler/sign), and no code for it is in the installer.

/// Namespace of every signature of ours: it separates an index from anything else that a key may
/// sign.
inline constexpr char kSignatureNamespace[] = "envbundle-index@v1";

/// An SSH public key in wire form: ssh-ed25519 or ecdsa-sha2-nistp256, nothing else.
struct SshPublicKey {
  std::string type;             ///< "ssh-ed25519" | "ecdsa-sha2-nistp256"
  std::vector<std::byte> wire;  ///< RFC 4253 §6.6 blob, its type string included

  /// "SHA256:" + unpadded base64 of SHA-256(wire), as `ssh-keygen -lf` prints it.
  std::string fingerprint() const;
  /// "ssh-ed25519 AAAA…", without comment.
  std::string authorized_line() const;
  bool operator==(const SshPublicKey&) const = default;
};

/// From "TYPE BASE64 [COMMENT]". Throws Error(kUntrusted) on other types, bad base64, bad lengths.
SshPublicKey parse_public_key(std::string_view line);
/// From wire form; Error(kUntrusted).
SshPublicKey parse_public_key_wire(Bytes wire);

/// A parsed SSHSIG blob; only what its rules allow gets this far (version 1, empty reserved field,
/// sha256 or sha512, no trailing byte, signature type equal to the key's type; F044, F045).
struct SshSignature {
  SshPublicKey key;
  std::string sig_namespace;
  std::string hash_algorithm;            ///< "sha256" | "sha512"
  std::vector<std::byte> raw_signature;  ///< Ed25519: 64 bytes; ECDSA: r ‖ s as two mpints
};
SshSignature parse_sshsig(Bytes blob);  ///< Error(kUntrusted)

/// The bytes that the key signs (PROTOCOL.sshsig, "Signed Data").
std::vector<std::byte> sshsig_signed_data(std::string_view sig_namespace,
                                          std::string_view hash_algorithm, Bytes message);

/// True when `signature` is by its embedded key over `message` in namespace kSignatureNamespace.
/// Says nothing about whether that key is trusted.
bool verify_sshsig(const SshSignature& signature, Bytes message);

/// "-----BEGIN SSH SIGNATURE-----" text of a blob, lines of 70 characters as OpenSSH writes them.
std::string armor_sshsig(Bytes blob);
std::vector<std::byte> dearmor_sshsig(std::string_view text);  ///< Error(kUntrusted)

std::string base64_encode(Bytes data, bool padded);
std::optional<std::vector<std::byte>> base64_decode(std::string_view text);  ///< strict, padded

}  // namespace eb
