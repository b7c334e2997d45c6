#include "installer/format/revoked_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "installer/base/digest.hpp"
#include "installer/base/error.hpp"
#include "installer/format/ssh_wire.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kBinaryMagic{"SSHKRL\n\0", 8};  // PROTOCOL.krl

[[noreturn]] void refuse(const std::string& where, std::string why) {
  throw Error(ExitCode::kUntrusted, "the list of revoked keys is malformed")
      .where(where)
      .why(std::move(why))
      .hint("a line of it is a public key, or the fingerprint of one: SHA256:...")
      .hint("nothing is accepted as long as it is not known what is revoked");
}

std::string_view next_word(std::string_view* rest) {
  rest->remove_prefix(std::min(rest->find_first_not_of(kBlank), rest->size()));
  const std::string_view word = rest->substr(0, rest->find_first_of(kBlank));
  rest->remove_prefix(word.size());
  return word;
}

// The fingerprint of "TYPE BASE64 …". Of a type that can sign bundles the key must be whole; of
// others it is enough that the name inside is the name before.
std::string key_fingerprint(std::string_view type, std::string_view text,
                            const std::string& where) {
  const auto wire = base64_decode(text);
  if (!wire) refuse(where, "the second word is not the base64 of a key");
  SshReader in(*wire);
  const std::string_view inner = in.text();
  if (!in.ok() || inner != type) {
    refuse(where, "'" + std::string(type.substr(0, 60)) + "' is not the type of the key after it");
  }
  if (type == "ssh-ed25519" || type == "ecdsa-sha2-nistp256") {
    try {
      return parse_public_key_wire(*wire).fingerprint();
    } catch (const Error& error) {
      refuse(where, error.why());
    }
  }
  return "SHA256:" + base64_encode(sha256(*wire).bytes, false);
}

RevokedKey parse_line(std::string_view line, const std::string& where) {
  static constexpr std::array<std::string_view, 3> kLabels = {"key:", "hash:", "sha256:"};
  std::string_view rest = line;
  for (const std::string_view label : kLabels) {
    if (rest.starts_with(label)) {
      rest.remove_prefix(label.size());
      break;
    }
  }
  const std::string_view first = next_word(&rest);
  if (is_fingerprint(first)) {
    const std::string_view after = next_word(&rest);
    if (!after.empty() && !after.starts_with('#'))
      refuse(where, "something follows the fingerprint");
    return {std::string(first), where};
  }
  const std::string_view second = next_word(&rest);
  if (second.empty()) {
    refuse(where, "'" + std::string(first.substr(0, 60)) + "' is neither a fingerprint nor a key");
  }
  return {key_fingerprint(first, second, where), where};
}

}  // namespace

bool is_fingerprint(std::string_view text) {
  static constexpr std::string_view kPrefix = "SHA256:";
  return text.size() == kPrefix.size() + 43 && text.starts_with(kPrefix) &&
         std::all_of(text.begin() + kPrefix.size(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; });
}

std::vector<RevokedKey> parse_revoked_keys(std::string_view text, const std::string& name) {
  if (text.starts_with(kBinaryMagic)) {
    refuse(name, "it is a binary KRL of ssh-keygen -k; the text form is read");
  }
  std::vector<RevokedKey> out;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string where = name + ", line " + std::to_string(number);
    if (line.find('\0') != std::string_view::npos) refuse(where, "the line holds a NUL character");
    const size_t begin = line.find_first_not_of(kBlank);
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    out.push_back(parse_line(line.substr(begin), where));
  }
  return out;
}

}  // namespace eb
