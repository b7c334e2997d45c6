#include <openssl/crypto.h>

#include <cstdlib>
#include <string>

#include "installer/base/crypto.hpp"
#include "installer/base/error.hpp"
#include "installer/format/sshsig.hpp"
#include "tests/support/test_signer.hpp"
#include "tests/support/thrown_error.hpp"

using namespace eb;
using test::TestSigner;

namespace {

// How many allocations of OpenSSL's are still answered; below 0: all.
long left = -1;

bool answered() { return left < 0 || left-- > 0; }

void* allocate(size_t size, const char*, int) { return answered() ? std::malloc(size) : nullptr; }
void* reallocate(void* old, size_t size, const char*, int) {
  return answered() ? std::realloc(old, size) : nullptr;
}
void release(void* memory, const char*, int) { std::free(memory); }

// OpenSSL takes them only before its first allocation, so before main().
const bool is_taken = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;

/// What became of a check for which OpenSSL got so many pieces of memory and no more.
enum class Outcome { kHolds, kDoesNotHold, kCouldNotCheck };

Outcome check(const SshSignature& signature, Bytes message, long pieces) {
  left = pieces;
  try {
    const bool holds = verify_sshsig(signature, message);
    left = -1;
    return holds ? Outcome::kHolds : Outcome::kDoesNotHold;
  } catch (const Error& error) {
    left = -1;
    CHECK(error.code() == ExitCode::kInternal);
    return Outcome::kCouldNotCheck;
  }
}

}  // namespace

TEST_CASE("F121 without memory for OpenSSL no signature holds that does not hold with it") {
  REQUIRE(is_taken);
  constexpr long kEnough = 10'000;
  for (const TestSigner& signer : {TestSigner::ed25519(1), TestSigner::p256()}) {
    const SshSignature good = parse_sshsig(signer.sign(as_bytes("index")));
    const SshSignature wrong = parse_sshsig(signer.sign(as_bytes("another index")));
    // What OpenSSL keeps for the life of the process it has now.
    REQUIRE(check(good, as_bytes("index"), kEnough) == Outcome::kHolds);
    REQUIRE(check(wrong, as_bytes("index"), kEnough) == Outcome::kDoesNotHold);
    CHECK(check(good, as_bytes("index"), 0) == Outcome::kCouldNotCheck);
    long failed = 0;
    for (long pieces = 0; pieces < 400; ++pieces) {
      CAPTURE(pieces);
      REQUIRE(check(wrong, as_bytes("index"), pieces) != Outcome::kHolds);
      if (check(good, as_bytes("index"), pieces) != Outcome::kHolds) ++failed;
    }
    CHECK(failed > 5);
    CHECK(failed < 400);
    CHECK(check(good, as_bytes("index"), kEnough) == Outcome::kHolds);
  }
}

TEST_CASE("F121 without memory for OpenSSL there is no digest, and that is said") {
  REQUIRE(is_taken);
  REQUIRE(sha256(as_bytes("abc")).hex().starts_with("ba7816bf"));
  left = 0;
  const Error error = test::thrown_error([] { sha256(as_bytes("abc")); });
  left = 0;
  const Error other = test::thrown_error([] { sha512(as_bytes("abc")); });
  left = -1;
  CHECK(error.code() == ExitCode::kInternal);
  CHECK(std::string(error.what()) == "cannot start SHA-256");
  CHECK(other.code() == ExitCode::kInternal);
  CHECK(std::string(other.what()) == "SHA-512 failed");
  CHECK(sha256(as_bytes("abc")).hex().starts_with("ba7816bf"));
}
