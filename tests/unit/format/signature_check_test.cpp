#include "installer/format/signature_check.hpp"

#include <openssl/evp.h>

#include <catch2/catch.hpp>

#include "installer/format/ssh_wire.hpp"
#include "tests/support/test_signer.hpp"

using namespace eb;
using test::TestSigner;

namespace {

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  for (size_t i = 0; i < text.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

// OpenSSL alone, to show what the checks of ours add.
bool openssl_accepts(Bytes point, Bytes signature, Bytes data) {
  const auto octets = [](Bytes b) { return reinterpret_cast<const unsigned char*>(b.data()); };
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(point), 32);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool ok = EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) == 1 &&
                  EVP_DigestVerify(context, octets(signature), signature.size(), octets(data),
                                   data.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return ok;
}

constexpr std::string_view kPoint =
    "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
constexpr std::string_view kR = "7bc0ea578290c8dcf6fc8a6e134a7f3e794ddd7e8922108bccd6202f95de532b";
constexpr std::string_view kS = "92c2298dc8e161ac2b5e3653f92c5b0e12adf26b3d46e7bd2057715f25d3e205";
// S + L, the other value that fits the equation.
constexpr std::string_view kSPlusL =
    "7f961feae244740402fb2df6d7263a2312adf26b3d46e7bd2057715f25d3e215";
// With R the neutral point and S = H(R, A, M)·a the equation holds too.
constexpr std::string_view kNeutral =
    "0100000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kSForNeutral =
    "e404f4e96e0b12dc6c3ec416ed1d5e91b66a37ca15a8b36c06938736133a2d0c";

bool ed25519(std::string_view point, const std::string& signature,
             std::string_view message = "message") {
  return verify_ed25519(from_hex(point), from_hex(signature), as_bytes(message));
}

std::string joined(std::string_view a, std::string_view b) {
  return std::string(a) + std::string(b);
}

}  // namespace

TEST_CASE("Ed25519 vectors of RFC 8032 §7.1") {
  CHECK(verify_ed25519(from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
                       from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
                       {}));
  CHECK(verify_ed25519(from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
                       from_hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
                       from_hex("72")));
  CHECK(ed25519(kPoint, joined(kR, kS)));
  CHECK_FALSE(ed25519(kPoint, joined(kR, kS), "Message"));
}

TEST_CASE("F044_ed25519_malleable_and_small_order") {
  CHECK_FALSE(ed25519(kPoint, joined(kR, kSPlusL)));
  // OpenSSL accepts a signature with a neutral R; it is one that no signer makes.
  const std::string neutral = joined(kNeutral, kSForNeutral);
  CHECK(openssl_accepts(from_hex(kPoint), from_hex(neutral), as_bytes("message")));
  CHECK_FALSE(ed25519(kPoint, neutral));
  // A neutral key fits one signature to every message.
  const std::string zero = joined(kNeutral, std::string(64, '0'));
  CHECK(openssl_accepts(from_hex(kNeutral), from_hex(zero), as_bytes("any message")));
  CHECK_FALSE(ed25519(kNeutral, zero, "any message"));
  const std::string all_ones(64, 'f');
  CHECK_FALSE(ed25519(kPoint, joined(kR, all_ones)));
  CHECK_FALSE(ed25519(kPoint, joined(all_ones, kS)));
}

TEST_CASE("F044_every_bit_of_an_ed25519_signature_counts") {
  const auto good = from_hex(joined(kR, kS));
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(verify_ed25519(from_hex(kPoint), bad, as_bytes("message")));
  }
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(verify_ed25519(from_hex(kPoint), Bytes(good).first(size), as_bytes("message")));
  }
}

TEST_CASE("F044_points_of_small_order_or_not_canonical") {
  const std::pair<std::string, const char*> points[] = {
      {"0000000000000000000000000000000000000000000000000000000000000000", "small order"},
      {"0000000000000000000000000000000000000000000000000000000000000080", "small order"},
      {"0100000000000000000000000000000000000000000000000000000000000000", "small order"},
      {"0100000000000000000000000000000000000000000000000000000000000080", "small order"},
      {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "small order"},
      {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "small order"},
      {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "small order"},
      {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "small order"},
      {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "small order"},
      {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "small order"},
      {"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "not canonical"},
      {"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "not canonical"},
      {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "not canonical"},
      {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "not canonical"},
      {"00", "32 bytes"},
  };
  for (const auto& [point, why] : points) {
    CAPTURE(point);
    const char* const problem = ed25519_point_problem(from_hex(point));
    REQUIRE(problem != nullptr);
    CHECK_THAT(problem, Catch::Matchers::Contains(why));
  }
  CHECK(ed25519_point_problem(from_hex(kPoint)) == nullptr);
}

TEST_CASE("P-256 points") {
  const TestSigner signer = TestSigner::p256();
  const auto point = Bytes(signer.wire()).last(65);
  std::vector<std::byte> bad(point.begin(), point.end());
  CHECK(p256_point_problem(bad) == nullptr);
  bad[64] ^= std::byte{1};
  CHECK(p256_point_problem(bad) == std::string("the key is not a point of the curve"));
  bad.assign(65, std::byte{0});
  CHECK(p256_point_problem(bad) == std::string("a P-256 key is an uncompressed point of 65 bytes"));
  bad[0] = std::byte{4};  // 0, 0
  CHECK(p256_point_problem(bad) == std::string("the key is not a point of the curve"));
  bad.assign(65, std::byte{0xFF});  // coordinates above the field's prime
  bad[0] = std::byte{4};
  CHECK(p256_point_problem(bad) == std::string("the key is not a point of the curve"));
  CHECK(p256_point_problem(point.first(33)) != nullptr);
  CHECK(p256_point_problem({}) != nullptr);
}

TEST_CASE("F044_p256_numbers_have_one_form") {
  const auto is_mpint = [](const char* hex) { return is_p256_mpint(from_hex(hex)); };
  CHECK(is_mpint("01"));
  CHECK(is_mpint("7f"));
  CHECK(is_mpint("0080"));
  CHECK(is_p256_mpint(std::vector<std::byte>(32, std::byte{0x7F})));
  CHECK_FALSE(is_mpint(""));
  CHECK_FALSE(is_mpint("00"));      // zero
  CHECK_FALSE(is_mpint("80"));      // negative
  CHECK_FALSE(is_mpint("0001"));    // not the shortest
  CHECK_FALSE(is_mpint("000080"));  // not the shortest
  CHECK_FALSE(is_p256_mpint(std::vector<std::byte>(33, std::byte{0x01})));
  CHECK_FALSE(is_p256_mpint(std::vector<std::byte>(34, std::byte{0x00})));
}

TEST_CASE("F044_p256_signatures_out_of_range") {
  const TestSigner signer = TestSigner::p256();
  const auto point = Bytes(signer.wire()).last(65);
  const auto raw = signer.sign_raw(as_bytes("data"));
  SshReader in(raw);
  const Bytes r = in.string();
  const Bytes s = in.string();
  REQUIRE(verify_p256(point, r, s, as_bytes("data")));
  CHECK_FALSE(verify_p256(point, r, s, as_bytes("Data")));
  CHECK_FALSE(verify_p256(point, s, r, as_bytes("data")));
  const auto order = from_hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  auto above = order;
  above.back() = std::byte{0x52};
  for (const Bytes bad : {Bytes(order), Bytes(above)}) {
    CHECK(is_p256_mpint(bad));
    CHECK_FALSE(verify_p256(point, bad, s, as_bytes("data")));
    CHECK_FALSE(verify_p256(point, r, bad, as_bytes("data")));
  }
  CHECK_FALSE(verify_p256(point, from_hex("00"), s, as_bytes("data")));
  CHECK_FALSE(verify_p256(point, r, {}, as_bytes("data")));
  CHECK_FALSE(verify_p256(point.first(64), r, s, as_bytes("data")));
}
