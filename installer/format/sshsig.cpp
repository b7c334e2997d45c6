#include "installer/format/sshsig.hpp"

#include "installer/base/error.hpp"
#include "installer/format/signature_check.hpp"
#include "installer/format/ssh_wire.hpp"

namespace eb {
namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kArmorBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kArmorEnd = "-----END SSH SIGNATURE-----";
constexpr size_t kArmorLine = 70;

Error bad_signature(std::string why) {
  return Error(ExitCode::kUntrusted, "not a usable SSH signature").why(std::move(why));
}

// The bytes of a signature of the stated type have the one shape that they may have (F044).
void check_raw_signature(const std::string& type, Bytes raw) {
  if (type == "ssh-ed25519") {
    if (raw.size() != 64) throw bad_signature("an Ed25519 signature has 64 bytes");
    return;
  }
  SshReader in(raw);
  const Bytes r = in.string();
  const Bytes s = in.string();
  if (!in.complete() || !is_p256_mpint(r) || !is_p256_mpint(s)) {
    throw bad_signature("an ECDSA signature is two positive numbers in shortest form");
  }
}

// The point at the end of a key that parse_public_key_wire() accepted.
Bytes key_point(const SshPublicKey& key) {
  const size_t size = key.type == "ssh-ed25519" ? 32 : 65;
  return Bytes(key.wire).last(size);
}

}  // namespace

SshSignature parse_sshsig(Bytes blob) {
  SshReader in(blob);
  if (as_text(in.take(kMagic.size())) != kMagic) {
    throw bad_signature("it does not begin with SSHSIG");
  }
  if (const uint32_t version = in.u32(); version != kVersion) {
    throw bad_signature("it has version " + std::to_string(version) + ", 1 is known");
  }
  const Bytes key = in.string();
  SshSignature out;
  out.sig_namespace = in.text();
  const Bytes reserved = in.string();
  out.hash_algorithm = in.text();
  const Bytes signature = in.string();
  if (!in.complete()) throw bad_signature("it is cut off or has bytes at its end");
  out.key = parse_public_key_wire(key);
  if (out.sig_namespace.empty()) throw bad_signature("its namespace is empty");
  if (!reserved.empty()) throw bad_signature("its reserved field is not empty");
  if (out.hash_algorithm != "sha256" && out.hash_algorithm != "sha512") {
    throw bad_signature("its hash is '" + out.hash_algorithm.substr(0, 60) +
                        "'; sha256 and sha512 are accepted");
  }
  SshReader inner(signature);
  const std::string_view type = inner.text();
  const Bytes raw = inner.string();
  if (!inner.complete()) throw bad_signature("its last field is cut off or has bytes at its end");
  if (type != out.key.type) {
    throw bad_signature("its key is of type " + out.key.type + ", the signature of type '" +
                        std::string(type.substr(0, 60)) + "'");
  }
  check_raw_signature(out.key.type, raw);
  out.raw_signature.assign(raw.begin(), raw.end());
  return out;
}

std::vector<std::byte> sshsig_signed_data(std::string_view sig_namespace,
                                          std::string_view hash_algorithm, Bytes message) {
  std::vector<std::byte> out;
  const Bytes magic = as_bytes(kMagic);
  out.insert(out.end(), magic.begin(), magic.end());
  append_ssh_string(out, as_bytes(sig_namespace));
  append_ssh_string(out, {});
  append_ssh_string(out, as_bytes(hash_algorithm));
  if (hash_algorithm == "sha256") {
    append_ssh_string(out, sha256(message).bytes);
  } else if (hash_algorithm == "sha512") {
    append_ssh_string(out, sha512(message));
  } else {
    throw Error(ExitCode::kInternal, "no such hash in SSHSIG").why(std::string(hash_algorithm));
  }
  return out;
}

bool verify_sshsig(const SshSignature& signature, Bytes message) {
  if (signature.sig_namespace != kSignatureNamespace) return false;
  const std::vector<std::byte> data =
      sshsig_signed_data(signature.sig_namespace, signature.hash_algorithm, message);
  const Bytes point = key_point(signature.key);
  if (signature.key.type == "ssh-ed25519") {
    return verify_ed25519(point, signature.raw_signature, data);
  }
  SshReader in(signature.raw_signature);
  const Bytes r = in.string();
  const Bytes s = in.string();
  return in.complete() && verify_p256(point, r, s, data);
}

std::string armor_sshsig(Bytes blob) {
  const std::string text = base64_encode(blob, true);
  std::string out(kArmorBegin);
  out += '\n';
  for (size_t i = 0; i < text.size(); i += kArmorLine) {
    out.append(text, i, kArmorLine).append("\n");
  }
  return out.append(kArmorEnd).append("\n");
}

std::vector<std::byte> dearmor_sshsig(std::string_view text) {
  std::string body;
  bool begun = false;
  bool ended = false;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (ended) throw bad_signature("there is text after its last line");
    if (!begun) {
      if (line != kArmorBegin) break;
      begun = true;
    } else if (line == kArmorEnd) {
      ended = true;
    } else {
      body += line;
    }
  }
  if (!begun) throw bad_signature("it does not begin with " + std::string(kArmorBegin));
  if (!ended) throw bad_signature("it does not end with " + std::string(kArmorEnd));
  const auto blob = base64_decode(body);
  if (!blob) throw bad_signature("what stands between its first and last line is not base64");
  return *blob;
}

}  // namespace eb
