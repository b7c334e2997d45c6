#include "installer/format/revoked_keys.hpp"

#include "installer/base/error.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::TestSigner;
using test::thrown_error;

namespace {

const TestSigner& alice() {
  static const TestSigner signer = TestSigner::ed25519(1);
  return signer;
}

std::vector<std::string> fingerprints(const std::string& text) {
  std::vector<std::string> out;
  for (const RevokedKey& key : parse_revoked_keys(text, "list")) out.push_back(key.fingerprint);
  return out;
}

Error refusal(const std::string& text) {
  return thrown_error([&] { parse_revoked_keys(text, "list"); });
}

}  // namespace

TEST_CASE("F036 revoked keys are keys and fingerprints, a line each") {
  const std::string line = alice().key().authorized_line();
  const std::string print = alice().key().fingerprint();
  const std::vector<std::string> one = {print};
  CHECK(fingerprints(line) == one);
  CHECK(fingerprints(line + " lost in May\n") == one);
  CHECK(fingerprints("key: " + line) == one);
  CHECK(fingerprints(print) == one);
  CHECK(fingerprints(print + " # lost in May") == one);
  CHECK(fingerprints("hash: " + print + "\r\n") == one);
  CHECK(fingerprints("sha256: " + print) == one);
  CHECK(fingerprints("# nothing\n\n  \t\n").empty());
  CHECK(fingerprints("").empty());
  const std::vector<RevokedKey> two = parse_revoked_keys(
      "# first\n" + print + "\n" + TestSigner::p256().key().authorized_line(), "list");
  REQUIRE(two.size() == 2);
  CHECK(two[0].origin == "list, line 2");
  CHECK(two[1].origin == "list, line 3");
}

TEST_CASE("F036 keys that cannot sign a bundle may be revoked too") {
  // ssh-keygen -t rsa in small: type, e, n.
  std::vector<std::byte> wire;
  append_ssh_string(wire, as_bytes("ssh-rsa"));
  append_ssh_string(wire, as_bytes("\x03"));
  append_ssh_string(wire, as_bytes("not checked"));
  const std::string text = "ssh-rsa " + base64_encode(wire, true);
  CHECK(fingerprints(text) ==
        std::vector<std::string>{"SHA256:" + base64_encode(sha256(wire).bytes, false)});
  CHECK(refusal("ssh-dss " + base64_encode(wire, true)).code() == ExitCode::kUntrusted);
}

TEST_CASE("a fingerprint has its beginning, its length and the digits of base64") {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij0123+/9";
  REQUIRE(digits.size() == 43);
  CHECK(is_fingerprint("SHA256:" + digits));
  CHECK_FALSE(is_fingerprint("SHA512:" + digits));
  CHECK_FALSE(is_fingerprint("SHA256:" + digits + "A"));
  CHECK_FALSE(is_fingerprint("SHA256:" + digits.substr(1)));
  for (const char c : {'=', ' ', '-', '\0'}) {
    std::string other = digits;
    other[20] = c;
    CHECK_FALSE(is_fingerprint("SHA256:" + other));
  }
}

TEST_CASE("F036 a list of revoked keys that is not understood is refused") {
  const std::string line = alice().key().authorized_line();
  const std::string print = alice().key().fingerprint();
  for (const std::string& text : std::vector<std::string>{
           std::string("SHA256:short"), std::string("word"), std::string("ssh-ed25519"),
           std::string("ssh-ed25519 !!!!"), line.substr(0, line.size() - 8), "release@x " + line,
           print + " " + print, "serial: 7", "id: name", std::string("a\0b", 3),
           std::string("key: "), "ecdsa-sha2-nistp256" + line.substr(line.find(' '))}) {
    CAPTURE(text);
    const Error error = refusal("# comment\n" + text + "\n");
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(std::string(error.what()) == "the list of revoked keys is malformed");
    CHECK(error.where() == "list, line 2");
  }
  const Error binary = refusal(std::string("SSHKRL\n\0\0\0\0\1", 12));
  CHECK_THAT(binary.why(), Contains("binary KRL"));
}
