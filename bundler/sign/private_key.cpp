#include "bundler/sign/private_key.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "bundler/sign/agent.hpp"
#include "bundler/sign/key_pair.hpp"
#include "bundler/sign/signing_key.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/format/ssh_wire.hpp"

namespace eb {
namespace {

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr size_t kMaxKeyFileSize = 64u << 10;

class FileKey final : public SigningKey {
 public:
  FileKey(KeyPair key, std::string comment)
      : SigningKey(key.public_key(), std::move(comment)), key_(std::move(key)) {}
  std::vector<std::byte> sign(Bytes data) const override { return key_.sign(data); }

 private:
  KeyPair key_;
};

Error malformed(const std::string& name, std::string why) {
  return Error(ExitCode::kUntrusted, "not a private key of OpenSSH")
      .where(name)
      .why(std::move(why))
      .hint("`envbundle keygen FILE` or `ssh-keygen -t ed25519 -f FILE` makes one");
}

std::vector<std::byte> dearmor(std::string_view text, const std::string& name) {
  const size_t begin = text.find(kBegin);
  const size_t end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
      throw malformed(name, "it is a PEM file of another kind")
          .hint("`ssh-keygen -p -f " + name + "` rewrites many of them in OpenSSH's form");
    }
    throw malformed(name, "it has no line '" + std::string(kBegin) + "'");
  }
  std::string body;
  for (const char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size())) {
    if (c != '\n' && c != '\r') body += c;
  }
  auto bytes = base64_decode(body);
  if (!bytes) throw malformed(name, "its base64 is damaged");
  return std::move(*bytes);
}

}  // namespace

OpensshKeyFile parse_openssh_key_file(std::string_view text, const std::string& name) {
  const std::vector<std::byte> file = dearmor(text, name);
  SshReader reader(file);
  if (as_text(reader.take(kMagic.size())) != kMagic) {
    throw malformed(name, "it does not begin with openssh-key-v1");
  }
  OpensshKeyFile out;
  out.cipher = reader.text();
  reader.string();  // key derivation function
  reader.string();  // its options
  const uint32_t count = reader.u32();
  const Bytes public_key = reader.string();
  const Bytes section = reader.string();
  if (!reader.ok() || count != 1) {
    throw malformed(name, count == 1 ? "it ends too early" : "it holds more than one key");
  }
  try {
    out.public_key = parse_public_key_wire(public_key);
  } catch (const Error& error) {
    throw Error(ExitCode::kUntrusted, "this type of key cannot sign a bundle")
        .where(name)
        .why(error.why().empty() ? error.what() : error.why())
        .hint("use an Ed25519 or ECDSA P-256 key: `envbundle keygen FILE`");
  }
  out.section.assign(section.begin(), section.end());
  return out;
}

std::unique_ptr<SigningKey> parse_private_key(std::string_view text, const std::string& name) {
  const OpensshKeyFile file = parse_openssh_key_file(text, name);
  if (file.cipher != "none") {
    throw Error(ExitCode::kUntrusted, "the private key has a passphrase").where(name);
  }
  SshReader reader(file.section);
  const uint32_t check = reader.u32();
  if (reader.u32() != check) throw malformed(name, "its check numbers differ");
  const std::string type(reader.text());
  if (type != file.public_key.type) throw malformed(name, "its two parts are of different types");
  const auto finish = [&](KeyPair key) -> std::unique_ptr<SigningKey> {
    std::string comment(reader.text());
    uint8_t next = 1;
    while (reader.ok() && !reader.complete()) {
      if (std::to_integer<uint8_t>(reader.take(1)[0]) != next++) {
        throw malformed(name, "its padding is damaged");
      }
    }
    if (!reader.ok()) throw malformed(name, "it ends too early");
    if (key.public_key() != file.public_key) {
      throw malformed(name, "its public and private parts do not belong together");
    }
    return std::make_unique<FileKey>(std::move(key), std::move(comment));
  };
  try {
    if (type == "ssh-ed25519") {
      const Bytes public_bytes = reader.string();
      const Bytes both = reader.string();
      if (both.size() != 64) throw malformed(name, "an Ed25519 key has 64 bytes");
      return finish(KeyPair::from_ed25519(both.first(32), public_bytes));
    }
    reader.string();  // curve: the type names it, too
    const Bytes point = reader.string();
    const Bytes scalar = reader.string();
    return finish(KeyPair::from_p256(scalar, point));
  } catch (Error& error) {
    if (error.where().empty()) error.where(name);
    throw;
  }
}

std::unique_ptr<SigningKey> load_signing_key(const std::filesystem::path& file,
                                             const std::string& agent_socket) {
  const std::string name = file.string();
  struct stat info {};
  if (const int r = real_sys().fstatat(AT_FDCWD, file.c_str(), &info, 0); r < 0) {
    Error error = system_error(-r, "cannot read the signing key", name);
    if (r == -ENOENT) error.hint("`envbundle keygen " + name + "` makes one");
    throw error;
  }
  const std::vector<std::byte> bytes =
      read_file_at(real_sys(), AT_FDCWD, file.c_str(), kMaxKeyFileSize, name);
  const std::string_view text = as_text(bytes);
  if (text.starts_with("ssh-") || text.starts_with("ecdsa-")) {
    return agent_key(agent_socket, parse_public_key(text.substr(0, text.find('\n'))), name);
  }
  // What ssh itself refuses (sshkey_perm_ok): a key that others can read is no longer one person's.
  if (info.st_uid == ::getuid() && (info.st_mode & 077) != 0) {
    throw Error(ExitCode::kPermission, "others may read the private key")
        .where(name)
        .hint("chmod 600 " + name);
  }
  const OpensshKeyFile parsed = parse_openssh_key_file(text, name);
  if (parsed.cipher != "none") return agent_key(agent_socket, parsed.public_key, name);
  return parse_private_key(text, name);
}

}  // namespace eb
