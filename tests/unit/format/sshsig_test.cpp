#include "installer/format/sshsig.hpp"

#include "installer/format/ssh_wire.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using Catch::Matchers::Contains;
using test::TestSigner;
using test::thrown_error;
using Blob = std::vector<std::byte>;

namespace {

Error sshsig_error(Bytes blob) {
  const Error error = thrown_error([blob] { parse_sshsig(blob); });
  CHECK(error.code() == ExitCode::kUntrusted);
  return error;
}

Error key_error(std::string_view line) {
  const Error error = thrown_error([line] { parse_public_key(line); });
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(std::string(error.what()) == "not a usable SSH public key");
  return error;
}

Blob ssh_strings(std::initializer_list<std::string_view> strings) {
  Blob out;
  for (const std::string_view text : strings) append_ssh_string(out, as_bytes(text));
  return out;
}

Blob raw_bytes(size_t count) { return Blob(count, std::byte{1}); }

}  // namespace

TEST_CASE("base64 of the vectors of RFC 4648 §10") {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : rows) {
    CHECK(base64_encode(as_bytes(plain), true) == text);
    std::string unpadded = text;
    while (unpadded.ends_with('=')) unpadded.pop_back();
    CHECK(base64_encode(as_bytes(plain), false) == unpadded);
    REQUIRE(base64_decode(text));
    CHECK(as_text(*base64_decode(text)) == plain);
  }
  const Blob all = {std::byte{0xFB}, std::byte{0xEF}, std::byte{0xFF}};
  CHECK(base64_encode(all, true) == "++//");
  CHECK(*base64_decode("++//") == all);
}

TEST_CASE("base64 that is not the one text of its bytes is refused") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zm9v=", "Zg==Zg==", "Zh==",
                           "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_", "Zg=g", "=Zm9", "\xc3\xa9\xc3\xa9"}) {
    CAPTURE(text);
    CHECK_FALSE(base64_decode(text));
  }
}

TEST_CASE("a public key and its fingerprint") {
  const std::string line =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
  for (const std::string& text : {line, line + " a comment here", "  " + line + "\t\n"}) {
    const SshPublicKey key = parse_public_key(text);
    CHECK(key.type == "ssh-ed25519");
    CHECK(key.authorized_line() == line);
    CHECK(key.fingerprint() == "SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg");
    CHECK(key == parse_public_key_wire(key.wire));
  }
  const TestSigner signer = TestSigner::p256();
  CHECK(signer.key().type == "ecdsa-sha2-nistp256");
  CHECK(parse_public_key(signer.key().authorized_line()) == signer.key());
}

TEST_CASE("public keys that are refused") {
  const auto line = [](const Blob& wire, const std::string& type) {
    return type + " " + base64_encode(wire, true);
  };
  const std::string point(32, '\x42');
  const std::string p256_point = '\x04' + std::string(64, '\x42');
  CHECK(key_error("").why() == "'TYPE BASE64 [COMMENT]' is needed");
  CHECK(key_error("ssh-ed25519").why() == "'TYPE BASE64 [COMMENT]' is needed");
  CHECK(key_error("ssh-ed25519 AAAA!").why() == "the second word is not base64");
  CHECK(key_error(line(ssh_strings({"ssh-rsa", "e", "n"}), "ssh-rsa")).why() ==
        "its type is 'ssh-rsa'; ssh-ed25519 and ecdsa-sha2-nistp256 are accepted");
  CHECK(key_error(line(ssh_strings({"ssh-ed25519", point, "more"}), "ssh-ed25519")).why() ==
        "it is cut off or has bytes at its end");
  CHECK(key_error(line(ssh_strings({"ssh-ed25519"}), "ssh-ed25519")).why() ==
        "it is cut off or has bytes at its end");
  CHECK(key_error(line(ssh_strings({"ssh-ed25519", "short"}), "ssh-ed25519")).why() ==
        "an Ed25519 key has 32 bytes");
  CHECK_THAT(
      key_error(line(ssh_strings({"ssh-ed25519", std::string(32, '\0')}), "ssh-ed25519")).why(),
      Contains("small order"));
  CHECK(key_error(line(ssh_strings({"ssh-ed25519", point}), "ecdsa-sha2-nistp256")).why() ==
        "it says 'ecdsa-sha2-nistp256' and is of type ssh-ed25519");
  CHECK(key_error(line(ssh_strings({"ecdsa-sha2-nistp256", "nistp384", p256_point}),
                       "ecdsa-sha2-nistp256"))
            .why() == "its curve is not nistp256");
  CHECK(key_error(line(ssh_strings({"ecdsa-sha2-nistp256", "nistp256", p256_point}),
                       "ecdsa-sha2-nistp256"))
            .why() == "the key is not a point of the curve");
  Blob endless;
  append_ssh_u32(endless, UINT32_MAX);
  CHECK_THAT(key_error(line(endless, "x")).why(), Contains("its type is ''"));
}

TEST_CASE("signatures of both kinds and both hashes hold") {
  for (const TestSigner& signer : {TestSigner::ed25519(1), TestSigner::p256()}) {
    for (const char* hash : {"sha256", "sha512"}) {
      CAPTURE(signer.key().type, hash);
      const SshSignature signature = parse_sshsig(signer.sign(as_bytes("index"), hash));
      CHECK(signature.key == signer.key());
      CHECK(signature.hash_algorithm == hash);
      CHECK(signature.sig_namespace == "envbundle-index@v1");
      CHECK(verify_sshsig(signature, as_bytes("index")));
      CHECK_FALSE(verify_sshsig(signature, as_bytes("Index")));
      CHECK_FALSE(verify_sshsig(signature, {}));
    }
  }
}

TEST_CASE("a signature for another namespace does not hold") {
  const TestSigner signer = TestSigner::ed25519(1);
  for (const char* other : {"file", "git", "envbundle-index@v2", "envbundle-index@v11"}) {
    const SshSignature signature = parse_sshsig(signer.sign(as_bytes("index"), "sha512", other));
    CHECK(signature.sig_namespace == other);
    CHECK_FALSE(verify_sshsig(signature, as_bytes("index")));
  }
  // Signed for another namespace, and the text changed afterwards.
  const Blob raw = signer.sign_raw(sshsig_signed_data("file", "sha512", as_bytes("index")));
  CHECK_FALSE(verify_sshsig(parse_sshsig(signer.blob(raw)), as_bytes("index")));
}

TEST_CASE("a signature that was cut off after it was parsed does not hold") {
  for (const TestSigner& signer : {TestSigner::ed25519(1), TestSigner::p256()}) {
    SshSignature signature = parse_sshsig(signer.sign(as_bytes("index")));
    REQUIRE(verify_sshsig(signature, as_bytes("index")));
    SshSignature longer = signature;
    longer.raw_signature.push_back(std::byte{0});
    CHECK_FALSE(verify_sshsig(longer, as_bytes("index")));
    signature.raw_signature.pop_back();
    CHECK_FALSE(verify_sshsig(signature, as_bytes("index")));
  }
}

TEST_CASE("the signed data of PROTOCOL.sshsig") {
  const auto data = sshsig_signed_data("ns", "sha256", as_bytes("abc"));
  CHECK(to_hex(data) ==
        "535348534947"
        "000000026e73"
        "00000000"
        "00000006736861323536"
        "00000020ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(thrown_error([] { sshsig_signed_data("ns", "md5", {}); }).code() == ExitCode::kInternal);
}

TEST_CASE("F045_algorithm_confusion") {
  const TestSigner ed = TestSigner::ed25519(1);
  const TestSigner ec = TestSigner::p256();
  const auto blob = [&ed](Bytes signature) {
    return TestSigner::blob_of(ed.wire(), kSignatureNamespace, "sha512", signature);
  };
  Blob ecdsa_inside = ssh_strings({"ecdsa-sha2-nistp256"});
  append_ssh_string(ecdsa_inside, ec.sign_raw(as_bytes("x")));
  CHECK(sshsig_error(blob(ecdsa_inside)).why() ==
        "its key is of type ssh-ed25519, the signature of type 'ecdsa-sha2-nistp256'");
  CHECK_THAT(sshsig_error(blob(ssh_strings({"none", ""}))).why(), Contains("of type 'none'"));
  CHECK_THAT(sshsig_error(blob(ssh_strings({"", ""}))).why(), Contains("of type ''"));
  // An Ed25519 key that calls itself ECDSA.
  CHECK(sshsig_error(ec.blob(raw_bytes(64))).why() ==
        "an ECDSA signature is two positive numbers in shortest form");
  for (const char* hash : {"sha1", "md5", "none", "", "SHA512", "sha512 "}) {
    CHECK_THAT(sshsig_error(ed.blob(raw_bytes(64), hash)).why(),
               Contains("sha256 and sha512 are accepted"));
  }
}

TEST_CASE("blobs that are refused") {
  const TestSigner signer = TestSigner::ed25519(1);
  const Blob good = signer.sign(as_bytes("index"));
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    sshsig_error(Bytes(good).first(size));
  }
  Blob longer = good;
  longer.push_back(std::byte{0});
  CHECK(sshsig_error(longer).why() == "it is cut off or has bytes at its end");
  const Blob inner = ssh_strings({"ssh-ed25519", std::string(64, '\1')});
  const auto blob = [&](const std::string& ns, uint32_t version, const std::string& reserved,
                        Bytes signature) {
    return TestSigner::blob_of(signer.wire(), ns, "sha512", signature, version, reserved);
  };
  parse_sshsig(blob("n", 1, "", inner));
  CHECK(sshsig_error(blob("n", 0, "", inner)).why() == "it has version 0, 1 is known");
  CHECK(sshsig_error(blob("n", 2, "", inner)).why() == "it has version 2, 1 is known");
  CHECK(sshsig_error(blob("", 1, "", inner)).why() == "its namespace is empty");
  CHECK(sshsig_error(blob("n", 1, "x", inner)).why() == "its reserved field is not empty");
  CHECK(sshsig_error(blob("n", 1, "", ssh_strings({"ssh-ed25519", "", ""}))).why() ==
        "its last field is cut off or has bytes at its end");
  CHECK(sshsig_error(signer.blob(raw_bytes(63))).why() == "an Ed25519 signature has 64 bytes");
  CHECK(sshsig_error(signer.blob(raw_bytes(65))).why() == "an Ed25519 signature has 64 bytes");
  CHECK(sshsig_error(as_bytes("-----BEGIN SSH SIGNATURE-----")).why() ==
        "it does not begin with SSHSIG");
  // A key that is none, in a blob that is well-formed.
  CHECK(std::string(sshsig_error(TestSigner::blob_of(ssh_strings({"ssh-rsa", "e", "n"}), "n",
                                                     "sha512", inner))
                        .what()) == "not a usable SSH public key");
}

TEST_CASE("every flipped bit of a blob is refused or does not hold") {
  for (const TestSigner& signer : {TestSigner::ed25519(1), TestSigner::p256()}) {
    const Blob good = signer.sign(as_bytes("index"));
    REQUIRE(verify_sshsig(parse_sshsig(good), as_bytes("index")));
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      Blob bad = good;
      bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      bool holds = false;
      try {
        holds = verify_sshsig(parse_sshsig(bad), as_bytes("index"));
      } catch (const Error& error) {
        REQUIRE(error.code() == ExitCode::kUntrusted);
      }
      REQUIRE_FALSE(holds);
    }
  }
}

TEST_CASE("F044_ecdsa_forms_of_one_signature") {
  const TestSigner signer = TestSigner::p256();
  const Blob raw = signer.sign_raw(sshsig_signed_data(kSignatureNamespace, "sha512", {}));
  SshReader in(raw);
  const Blob r = [&] {
    const Bytes b = in.string();
    return Blob(b.begin(), b.end());
  }();
  const Bytes s = in.string();
  const auto with_r = [&](const Blob& changed) {
    Blob out;
    append_ssh_string(out, changed);
    append_ssh_string(out, s);
    return signer.blob(out);
  };
  CHECK(verify_sshsig(parse_sshsig(with_r(r)), {}));
  Blob longer = r;
  longer.insert(longer.begin(), std::byte{0});
  for (const Blob& bad :
       {longer, Blob{}, Blob{std::byte{0}}, Blob{std::byte{0x80}}, Blob(33, std::byte{1})}) {
    CHECK(sshsig_error(with_r(bad)).why() ==
          "an ECDSA signature is two positive numbers in shortest form");
  }
  Blob three;
  for (int i = 0; i < 3; ++i) append_ssh_string(three, s);
  sshsig_error(signer.blob(three));
}

TEST_CASE("armor comes and goes") {
  const Blob blob = TestSigner::ed25519(1).sign(as_bytes("index"));
  const std::string text = armor_sshsig(blob);
  CHECK(text.starts_with("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH"));
  CHECK(text.ends_with("\n-----END SSH SIGNATURE-----\n"));
  for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
    CHECK(text.find('\n', begin) - begin <= 70);
  }
  CHECK(dearmor_sshsig(text) == blob);
  CHECK(dearmor_sshsig(text.substr(0, text.size() - 1)) == blob);
  std::string dos;
  for (const char c : text) dos += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(dearmor_sshsig(dos) == blob);
}

TEST_CASE("armor that is refused") {
  const std::string text = armor_sshsig(raw_bytes(100));
  const auto why = [](const std::string& changed) {
    const Error error = thrown_error([&changed] { dearmor_sshsig(changed); });
    CHECK(error.code() == ExitCode::kUntrusted);
    return error.why();
  };
  const std::string begin = "it does not begin with -----BEGIN SSH SIGNATURE-----";
  CHECK(why("") == begin);
  CHECK(why(" " + text) == begin);
  CHECK(why("\n" + text) == begin);
  CHECK(why(text.substr(0, text.size() - 5)) == "it does not end with -----END SSH SIGNATURE-----");
  CHECK(why(text + "x") == "there is text after its last line");
  CHECK(why(text + text) == "there is text after its last line");
  std::string broken = text;
  broken[40] = '!';
  CHECK(why(broken) == "what stands between its first and last line is not base64");
}
