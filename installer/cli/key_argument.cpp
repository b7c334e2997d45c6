#include "installer/cli/key_argument.hpp"

#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/format/revoked_keys.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr size_t kMaxKeyFile = 64u << 10;

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// "ssh-ed25519 …", "ecdsa-sha2-nistp256 …": the names of OpenSSH's key types hold no slash or dot
// before the blank, which a path of that name hardly does.
bool is_key_line(const std::string& text) {
  const size_t blank = text.find_first_of(" \t");
  return blank != std::string::npos &&
         (text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-")) &&
         text.find('/') > blank;
}

NamedKey key_of_line(const std::string& line, const std::string& where) {
  NamedKey out;
  try {
    out.key = parse_public_key(line);
  } catch (Error& error) {
    error.where(where).hint("bundles are signed with Ed25519 or ECDSA P-256 keys");
    throw;
  }
  out.fingerprint = out.key->fingerprint();
  const size_t type = line.find_first_of(" \t");
  const size_t base64 = line.find_first_not_of(" \t", type);
  const size_t end = line.find_first_of(" \t", base64);
  if (end != std::string::npos) out.comment = printable(trimmed(line.substr(end + 1)));
  return out;
}

}  // namespace

NamedKey key_of_words(Sys& sys, const std::vector<std::string>& words, const std::string& command) {
  const std::string text = trimmed(joined(words));
  if (text.empty()) {
    throw Error(ExitCode::kUsage, "no key is named").hint("envinstall " + command + " KEY.pub");
  }
  if (text.starts_with("SHA256:")) {
    if (is_fingerprint(text)) return {text, std::nullopt, {}};
    throw Error(ExitCode::kUsage, "that is not the fingerprint of a key")
        .why("got '" + printable(text) + "', expected SHA256: and 43 characters")
        .hint("'ssh-keygen -lf KEY.pub' prints a key's fingerprint");
  }
  if (is_key_line(text)) return key_of_line(text, "the command line");
  const auto content = read_small_file(sys, AT_FDCWD, text, kMaxKeyFile);
  if (!content) {
    throw Error(ExitCode::kUsage, "there is no such key")
        .where(text)
        .hint("a key is a file KEY.pub, or its line: 'ssh-ed25519 AAAA...'");
  }
  std::vector<std::string> lines;
  for (const std::string& line : lines_of(*content)) {
    if (line.find("PRIVATE KEY") != std::string::npos) {
      throw Error(ExitCode::kUsage, "that is a private key")
          .where(text)
          .hint("give the public one, " + text + ".pub; a private key belongs on no target");
    }
    if (!trimmed(line).empty() && !line.starts_with('#')) lines.push_back(trimmed(line));
  }
  if (lines.size() != 1) {
    throw Error(ExitCode::kUsage, "the file does not hold one public key")
        .where(text)
        .why("it has " + std::to_string(lines.size()) + " lines")
        .hint("name a file KEY.pub, one at a time");
  }
  return key_of_line(lines.front(), text);
}

}  // namespace eb
