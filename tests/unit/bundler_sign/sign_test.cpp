#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "../bundler_pack/scratch.hpp"
#include "bundler/sign/key_pair.hpp"
#include "bundler/sign/signing_key.hpp"
#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;
using test::shell;
using test::write_file;

constexpr char kText[] = "an index, or what is taken for one";

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

void write_signature(const std::filesystem::path& file, Bytes blob) {
  std::ofstream(file) << armor_sshsig(blob);
}

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ExitCode::kInternal, ""};
}

std::string key_type() { return GENERATE("ssh-ed25519", "ecdsa-sha2-nistp256"); }

TEST_CASE("mpints are as RFC 4251 shows them") {
  const auto encoded = [](std::initializer_list<int> magnitude) {
    std::vector<std::byte> bytes;
    for (const int b : magnitude) bytes.push_back(static_cast<std::byte>(b));
    SshWriter writer;
    writer.mpint(bytes);
    return to_hex(writer.data());
  };
  CHECK(encoded({}) == "00000000");
  CHECK(encoded({0, 0}) == "00000000");
  CHECK(encoded({0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7}) == "0000000809a378f9b2e332a7");
  CHECK(encoded({0x80}) == "000000020080");
}

TEST_CASE("ssh-keygen reads the keys that keygen makes") {
  const Scratch scratch;
  const std::string type = key_type();
  const auto key = scratch / "key";
  const SshPublicKey made = write_new_key(key, type, "me@host");
  struct stat info {};
  REQUIRE(::stat(key.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  REQUIRE(shell("ssh-keygen -y -f " + quoted(key), scratch / "log") == 0);
  CHECK(read_text(scratch / "log") == read_text(scratch / "key.pub"));
  CHECK(read_text(scratch / "key.pub") == made.authorized_line() + " me@host\n");
  REQUIRE(shell("ssh-keygen -l -f " + quoted(key), scratch / "log") == 0);
  CHECK_THAT(read_text(scratch / "log"), Catch::Contains(made.fingerprint() + " me@host"));
  // It rewrites the file, so it understood all of it.
  REQUIRE(shell("ssh-keygen -q -p -N '' -P '' -f " + quoted(key), scratch / "log") == 0);
  CHECK(load_signing_key(key, "")->public_key() == made);
}

TEST_CASE("keys of ssh-keygen sign, and ssh-keygen believes the signature") {
  const Scratch scratch;
  const std::string type = GENERATE("ed25519", "ecdsa -b 256");
  REQUIRE(shell("ssh-keygen -q -N '' -C someone@somewhere -t " + type + " -f " +
                    quoted(scratch / "key"),
                scratch / "log") == 0);
  const auto key = load_signing_key(scratch / "key", "");
  CHECK(key->comment() == "someone@somewhere");
  // r and s of ECDSA have several lengths: all must be accepted.
  for (int i = 0; i < (type == "ed25519" ? 1 : 12); ++i) {
    const std::vector<std::byte> blob = make_sshsig(*key, as_bytes(kText));
    if (const auto size = sshsig_size(*key)) CHECK(*size == blob.size());
    write_file(scratch / "text", kText);
    write_signature(scratch / "sig", blob);
    write_file(scratch / "allowed", allowed_signers_line(*key));
    const std::string verify = "ssh-keygen -Y verify -I someone@somewhere -n " +
                               std::string(kSignatureNamespace) + " -f " +
                               quoted(scratch / "allowed") + " -s " + quoted(scratch / "sig");
    CHECK(shell(verify + " <" + quoted(scratch / "text"), scratch / "log") == 0);
    write_file(scratch / "text", std::string(kText) + "!");
    CHECK(shell(verify + " <" + quoted(scratch / "text"), scratch / "log") == 255);
  }
}

TEST_CASE("Ed25519 signatures are the same every time and have the size foretold") {
  const Scratch scratch;
  write_new_key(scratch / "key", "ssh-ed25519", "");
  const auto key = load_signing_key(scratch / "key", "");
  const std::vector<std::byte> blob = make_sshsig(*key, as_bytes(kText));
  CHECK(blob == make_sshsig(*key, as_bytes(kText)));
  CHECK(sshsig_size(*key) == blob.size());
  write_new_key(scratch / "other", "ecdsa-sha2-nistp256", "");
  CHECK_FALSE(sshsig_size(*load_signing_key(scratch / "other", "")).has_value());
}

TEST_CASE("a comment that means something in allowed_signers is not used as a name") {
  const Scratch scratch;
  write_new_key(scratch / "key", "ssh-ed25519", "me, * and \"you\"");
  CHECK_THAT(allowed_signers_line(*load_signing_key(scratch / "key", "")),
             Catch::StartsWith("envbundle-signer namespaces=\"envbundle-index@v1\" ssh-ed25519 "));
}

TEST_CASE("keygen overwrites nothing") {
  const Scratch scratch;
  const std::string taken = GENERATE("key", "key.pub");
  write_file(scratch / taken, "precious");
  const Error error = error_of([&] { write_new_key(scratch / "key", "ssh-ed25519", ""); });
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(error.what()) == "there is a file already");
  CHECK(error.where() == (scratch / taken).string());
  CHECK(read_text(scratch / taken) == "precious");
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.root()), {}) == 1);
}

TEST_CASE("what is no signing key is refused with a reason") {
  const Scratch scratch;
  const auto key = scratch / "key";
  const auto refused = [&](const std::string& text) {
    write_file(key, text);
    ::chmod(key.c_str(), 0600);
    return error_of([&] { load_signing_key(key, ""); });
  };
  SECTION("no file") {
    const Error error = error_of([&] { load_signing_key(scratch / "none", ""); });
    CHECK(error.code() == ExitCode::kIo);
    CHECK(error.hints().at(0) ==
          "`envbundle keygen " + (scratch / "none").string() + "` makes one");
  }
  SECTION("other text") {
    const Error error = refused("hello\n");
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(std::string(error.what()) == "not a private key of OpenSSH");
  }
  SECTION("PEM of another kind") {
    REQUIRE(shell("openssl genpkey -algorithm ed25519 -out " + quoted(key), scratch / "log") == 0);
    const Error error = refused(read_text(key));
    CHECK(error.why() == "it is a PEM file of another kind");
  }
  SECTION("RSA") {
    REQUIRE(shell("ssh-keygen -q -t rsa -b 2048 -N '' -f " + quoted(key), scratch / "log") == 0);
    const Error error = error_of([&] { load_signing_key(key, ""); });
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(std::string(error.what()) == "this type of key cannot sign a bundle");
  }
  SECTION("with a passphrase and without an agent") {
    REQUIRE(shell("ssh-keygen -q -t ed25519 -N secret -f " + quoted(key), scratch / "log") == 0);
    const Error error = error_of([&] { load_signing_key(key, ""); });
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(std::string(error.what()) == "the private key cannot be used");
    CHECK_THAT(error.hints().at(0), Catch::Contains("ssh-add"));
  }
  SECTION("readable by others") {
    write_new_key(key, "ssh-ed25519", "");
    ::chmod(key.c_str(), 0640);
    const Error error = error_of([&] { load_signing_key(key, ""); });
    CHECK(error.code() == ExitCode::kPermission);
    CHECK(error.hints().at(0) == "chmod 600 " + key.string());
  }
}

TEST_CASE("a key file with any byte changed signs right, or not at all") {
  const Scratch scratch;
  const std::string type = key_type();
  const KeyPair pair = KeyPair::generate(type);
  const std::string text = encode_key_files(pair, "c").private_text;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    try {
      const auto key = parse_private_key(changed, "key");
      make_sshsig(*key, as_bytes(kText));
      CHECK(key->public_key() == pair.public_key());
    } catch (const Error& error) {
      INFO("byte " << i << ": " << error.what() << "; " << error.why());
      CHECK(error.code() == ExitCode::kUntrusted);
      CHECK(error.where() == "key");
    }
  }
  for (size_t i = 0; i < text.size() - 1; ++i) {
    CHECK_THROWS_AS(parse_private_key(std::string_view(text).substr(0, i), "key"), Error);
  }
}

TEST_CASE("an agent signs for a key with a passphrase, and for a public key") {
  const Scratch scratch;
  const std::string type = GENERATE("ed25519", "ecdsa -b 256");
  REQUIRE(shell("ssh-keygen -q -N '' -t " + type + " -f " + quoted(scratch / "key"),
                scratch / "log") == 0);
  // ssh-agent ends with the command that it is given.
  write_file(scratch / "go.sh",
             "ssh-add -q key && ssh-keygen -q -p -N secret -f key && echo ready >ready && "
             "i=0; while [ ! -e done ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done\n");
  REQUIRE(shell("cd " + quoted(scratch.root()) +
                    " && (setsid ssh-agent -a \"$PWD/agent\" sh go.sh >agent.log 2>&1 &) && "
                    "i=0; while [ ! -e ready ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done; "
                    "[ -e ready ]",
                scratch / "log") == 0);
  const std::string socket = (scratch / "agent").string();
  for (const char* name : {"key", "key.pub"}) {
    const auto key = load_signing_key(scratch / name, socket);
    const std::vector<std::byte> blob = make_sshsig(*key, as_bytes(kText));
    CHECK(verify_sshsig(parse_sshsig(blob), as_bytes(kText)));
  }
  write_new_key(scratch / "stranger", "ssh-ed25519", "");
  const Error error = error_of([&] { load_signing_key(scratch / "stranger.pub", socket); });
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK_THAT(error.why(), Catch::Contains("does not have key SHA256:"));
  write_file(scratch / "done", "");
}

}  // namespace
}  // namespace eb
