#include <algorithm>
#include <string>
#include <string_view>

#include "installer/base/error.hpp"
#include "installer/format/signature_check.hpp"
#include "installer/format/ssh_wire.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {
namespace {

Error bad_key(std::string why) {
  return Error(ExitCode::kUntrusted, "not a usable SSH public key").why(std::move(why));
}

}  // namespace

std::string SshPublicKey::fingerprint() const {
  return "SHA256:" + base64_encode(sha256(wire).bytes, false);
}

std::string SshPublicKey::authorized_line() const { return type + " " + base64_encode(wire, true); }

SshPublicKey parse_public_key_wire(Bytes wire) {
  SshReader in(wire);
  SshPublicKey key;
  key.type = in.text();
  const char* problem = nullptr;
  if (in.ok() && key.type == "ssh-ed25519") {
    problem = ed25519_point_problem(in.string());
  } else if (in.ok() && key.type == "ecdsa-sha2-nistp256") {
    if (in.text() != "nistp256") problem = "its curve is not nistp256";
    const Bytes point = in.string();
    if (problem == nullptr) problem = p256_point_problem(point);
  } else {
    throw bad_key("its type is '" + key.type.substr(0, 60) +
                  "'; ssh-ed25519 and ecdsa-sha2-nistp256 are accepted");
  }
  if (!in.complete()) throw bad_key("it is cut off or has bytes at its end");
  if (problem != nullptr) throw bad_key(problem);
  key.wire.assign(wire.begin(), wire.end());
  return key;
}

SshPublicKey parse_public_key(std::string_view line) {
  static constexpr std::string_view kBlank = " \t\r\n";
  const auto next = [&line] {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(kBlank));
    line.remove_prefix(word.size());
    return word;
  };
  const std::string_view type = next();
  const std::string_view text = next();
  if (text.empty()) throw bad_key("'TYPE BASE64 [COMMENT]' is needed");
  const auto wire = base64_decode(text);
  if (!wire) throw bad_key("the second word is not base64");
  SshPublicKey key = parse_public_key_wire(*wire);
  if (key.type != type) {
    throw bad_key("it says '" + std::string(type.substr(0, 60)) + "' and is of type " + key.type);
  }
  return key;
}

}  // namespace eb
