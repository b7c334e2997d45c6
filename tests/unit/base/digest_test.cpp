#include "installer/base/digest.hpp"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

using eb::as_bytes;
using eb::sha256;
using eb::Sha256;

namespace {

constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("SHA-256 of the vectors of FIPS 180-4") {
  CHECK(sha256({}).hex() == kEmpty);
  CHECK(sha256(as_bytes("abc")).hex() == kAbc);
  CHECK(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(as_bytes(std::string(1'000'000, 'a'))).hex() ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-512 of the vectors of FIPS 180-4") {
  CHECK(eb::to_hex(eb::sha512(as_bytes("abc"))) ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a hasher takes pieces, begins anew and moves") {
  eb::Sha256Hasher hasher;
  hasher.update(as_bytes("a"));
  hasher.update({});
  hasher.update(as_bytes("bc"));
  CHECK(hasher.finish().hex() == kAbc);
  CHECK(hasher.finish().hex() == kEmpty);
  hasher.update(as_bytes("ab"));
  eb::Sha256Hasher other = std::move(hasher);
  other.update(as_bytes("c"));
  CHECK(other.finish().hex() == kAbc);
  other.update(as_bytes("forgotten"));
  other = eb::Sha256Hasher();
  CHECK(other.finish().hex() == kEmpty);
}

TEST_CASE("a digest from hexadecimal text") {
  CHECK(Sha256::from_hex(kAbc) == sha256(as_bytes("abc")));
  std::string upper(kAbc);
  for (char& c : upper) c = static_cast<char>(toupper(c));
  CHECK(Sha256::from_hex(upper) == sha256(as_bytes("abc")));
  for (std::string text :
       {std::string(), std::string(kAbc, 63), std::string(kAbc) + "0", std::string(63, '0') + "g",
        std::string(63, '0') + " ", "G" + std::string(63, '0'), "/" + std::string(63, '0')}) {
    CAPTURE(text);
    const eb::Error error = eb::test::thrown_error([&] { Sha256::from_hex(text); });
    CHECK(error.code() == eb::ExitCode::kInvalidLock);
    CHECK(error.where() == "'" + text + "'");
  }
}

// The two cases below run in a process of their own, where OpenSSL was not used before.
TEST_CASE("child: digests work", "[.child]") { CHECK(sha256({}).hex() == kEmpty); }

TEST_CASE("child: digests fail once the configuration was loaded", "[.child]") {
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
  CHECK_THROWS_AS(sha256({}), eb::Error);
}

TEST_CASE("the host's openssl.cnf is not read") {
  const eb::test::TempDir folder;
  const std::string config = (folder.path() / "openssl.cnf").string();
  // Only the provider that has no algorithms.
  std::ofstream(config) << "openssl_conf = init\n[init]\nproviders = all\n[all]\nnull = null\n"
                           "[null]\nactivate = 1\n";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto run = [&](const char* name) {
    const std::string command =
        "OPENSSL_CONF='" + config + "' '" + self + "' 'child: " + name + "' >/dev/null 2>&1";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  CHECK(run("digests fail once the configuration was loaded") == 0);
  CHECK(run("digests work") == 0);
}
