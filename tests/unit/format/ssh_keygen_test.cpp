// Signatures and trust files of the real ssh-keygen, and what it says of ours.

#include <stdlib.h>
#include <sys/wait.h>

#include <ctime>
#include <fstream>
#include <iterator>

#include "installer/format/trust.hpp"
#include "installer/format/verified_bundle.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/format/sample_index.hpp"

using namespace eb;
using test::TestSigner;

namespace {

/// A folder in which shell commands run.
class Workshop {
 public:
  int run(const std::string& command) const {
    const int status =
        std::system(("cd '" + folder_.path().string() + "' && " + command + " >log 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void must_run(const std::string& command) const {
    const int code = run(command);
    INFO(command << "\n" << get("log"));
    REQUIRE(code == 0);
  }
  std::string get(const std::string& name) const {
    std::ifstream in(folder_.path() / name, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& name, std::string_view text) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
  }
  void make_key(const std::string& name, const std::string& type) const {
    must_run("ssh-keygen -q -t " + type + " -N '' -C 'a comment' -f " + name);
  }
  /// Signs FILE; the blob.
  std::vector<std::byte> sign(const std::string& key, const std::string& file,
                              const std::string& hash = "sha512",
                              const std::string& sig_namespace = kSignatureNamespace) const {
    run("rm -f " + file + ".sig");
    must_run("ssh-keygen -q -Y sign -O hashalg=" + hash + " -n " + sig_namespace + " -f " + key +
             " " + file);
    return dearmor_sshsig(get(file + ".sig"));
  }
  bool keygen_accepts(const std::string& file, const std::string& signers,
                      const std::string& principal) const {
    return run("ssh-keygen -Y verify -f " + signers + " -I " + principal + " -n " +
               kSignatureNamespace + " -s " + file + ".sig < " + file) == 0;
  }

 private:
  test::TempDir folder_;
};

}  // namespace

TEST_CASE("keys and signatures that ssh-keygen made are read and hold") {
  const Workshop shop;
  shop.put("message", "what is signed");
  for (const std::string type : {"ed25519", "ecdsa -b 256"}) {
    const std::string name = type.substr(0, 5);
    shop.make_key(name, type);
    const SshPublicKey key = parse_public_key(shop.get(name + ".pub"));
    shop.must_run("ssh-keygen -lf " + name + ".pub");
    CHECK(shop.get("log").find(key.fingerprint() + " ") != std::string::npos);
    for (const char* hash : {"sha256", "sha512"}) {
      CAPTURE(type, hash);
      const auto blob = shop.sign(name, "message", hash);
      CHECK(armor_sshsig(blob) == shop.get("message.sig"));
      const SshSignature signature = parse_sshsig(blob);
      CHECK(signature.key == key);
      CHECK(signature.hash_algorithm == hash);
      CHECK(verify_sshsig(signature, as_bytes("what is signed")));
      CHECK_FALSE(verify_sshsig(signature, as_bytes("what is signeD")));
    }
    CHECK_FALSE(verify_sshsig(parse_sshsig(shop.sign(name, "message", "sha512", "file")),
                              as_bytes("what is signed")));
  }
}

TEST_CASE("many ECDSA signatures of ssh-keygen hold, whatever the length of r and s") {
  const Workshop shop;
  shop.make_key("key", "ecdsa -b 256");
  for (int i = 0; i < 20; ++i) {
    shop.put("message", std::to_string(i));
    CHECK(verify_sshsig(parse_sshsig(shop.sign("key", "message")), as_bytes(std::to_string(i))));
  }
}

TEST_CASE("keys of other types that ssh-keygen makes are skipped or refused") {
  const Workshop shop;
  shop.make_key("rsa", "rsa -b 2048");
  shop.make_key("p384", "ecdsa -b 384");
  shop.put("message", "x");
  for (const char* name : {"rsa", "p384"}) {
    CAPTURE(name);
    const std::string line = shop.get(std::string(name) + ".pub");
    CHECK(test::thrown_error([&] { parse_public_key(line); }).code() == ExitCode::kUntrusted);
    std::vector<std::string> skipped;
    CHECK(parse_allowed_signers("a " + line, "signers", &skipped).empty());
    CHECK(skipped.size() == 1);
    const auto blob = shop.sign(name, "message");
    CHECK(test::thrown_error([&] { parse_sshsig(blob); }).code() == ExitCode::kUntrusted);
  }
}

TEST_CASE("ssh-keygen accepts the index with a signature of ours") {
  const Workshop shop;
  const auto index = encode_index(test::sample_index());
  shop.put("index", as_text(index));
  for (const TestSigner& signer : {TestSigner::ed25519(3), TestSigner::p256()}) {
    CAPTURE(signer.key().type);
    shop.put("index.sig", armor_sshsig(signer.sign(index)));
    shop.put("signers", "release@example namespaces=\"envbundle-index@v1\" " +
                            signer.key().authorized_line() + "\n");
    CHECK(shop.keygen_accepts("index", "signers", "release@example"));
    CHECK_FALSE(shop.keygen_accepts("index", "signers", "other@example"));
    shop.put("signers", "release@example namespaces=\"file\" " + signer.key().authorized_line());
    CHECK_FALSE(shop.keygen_accepts("index", "signers", "release@example"));
  }
}

TEST_CASE("ssh-keygen and the installer agree on a trust file") {
  const Workshop shop;
  shop.make_key("key", "ed25519");
  shop.make_key("other", "ed25519");
  const auto index = encode_index(test::sample_index());
  shop.put("index", as_text(index));
  const auto signatures = encode_signatures({shop.sign("key", "index")});
  Prologue prologue;
  prologue.index_size = static_cast<uint32_t>(index.size());
  prologue.signatures_size = static_cast<uint32_t>(signatures.size());
  prologue.data_size = totals(test::sample_index()).compressed_bytes;
  prologue.index_digest = sha256(index);
  const std::string key = shop.get("key.pub");
  const std::string other = shop.get("other.pub");
  const auto installer_accepts = [&](const std::string& signers) {
    TrustPolicy policy;
    policy.now = std::time(nullptr);
    try {
      policy.signers = parse_allowed_signers(signers, "signers", nullptr);
      verify_header(prologue, index, signatures, policy);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  const std::pair<std::string, bool> rows[] = {
      {"me " + key, true},
      {"me " + other, false},
      {"me " + other + "me " + key, true},
      {"# nothing\n", false},
      {"\"me\" " + key, true},
      {"\tme\t" + key, true},
      {"you,me " + key, true},
      {"me namespaces=\"envbundle-index@v1\" " + key, true},
      {"me NAMESPACES=\"git,envbundle-*\" " + key, true},
      {"me namespaces=\"git\" " + key, false},
      {"me namespaces=\"!envbundle-index@v1,*\" " + key, false},
      {"me namespaces=\"\" " + key, false},
      {"me namespaces=envbundle-index@v1 " + key, false},
      {"me namespaces=\"a\",namespaces=\"envbundle-index@v1\" " + key, false},
      {"me namespaces=\"envbundle-index@v1\", " + key, false},
      {"me valid-after=\"20200101\" " + key, true},
      {"me valid-after=\"20200101Z\",valid-before=\"20990101Z\" " + key, true},
      {"me valid-after=\"202001010000Z\" " + key, true},
      {"me valid-after=\"20200101000000Z\" " + key, true},
      {"me valid-after=\"20990101Z\" " + key, false},
      {"me valid-before=\"20200101Z\" " + key, false},
      {"me valid-before=\"20200101\" " + key, false},
      {"me valid-after=20200101 " + key, false},
      {"me valid-after=\"soon\" " + key, false},
      {"me valid-after=\"20990101Z\",valid-before=\"20200101Z\" " + key, false},
      {"me cert-authority " + key, false},
      {"me frobnicate " + key, false},
  };
  for (const auto& [signers, accepted] : rows) {
    CAPTURE(signers);
    shop.put("signers", signers);
    CHECK(shop.keygen_accepts("index", "signers", "me") == accepted);
    CHECK(installer_accepts(signers) == accepted);
  }
}
