#include "installer/format/signature_check.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "installer/base/crypto.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr size_t kEd25519PointSize = 32;
constexpr size_t kP256PointSize = 65;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeKeyContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

const unsigned char* octets(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Little-endian 256-bit numbers in hexadecimal, as they stand in a key or signature.
constexpr std::string_view kFieldPrime =
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
constexpr std::string_view kGroupOrder =
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
// y of the points whose order divides 8; their sign bit may be either.
constexpr std::array<std::string_view, 5> kSmallOrder = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

// Big-endian hexadecimal, so that comparing text compares numbers.
std::string big_endian_hex(Bytes little_endian) {
  std::vector<std::byte> reversed(little_endian.rbegin(), little_endian.rend());
  return to_hex(reversed);
}

std::string big_endian_hex(std::string_view little_endian_hex) {
  std::string out;
  for (size_t i = little_endian_hex.size(); i > 0; i -= 2) {
    out += little_endian_hex.substr(i - 2, 2);
  }
  return out;
}

Key ed25519_key(Bytes point) {
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(point), point.size()));
  require_crypto(key != nullptr, "cannot load the key of a signature");
  return key;
}

// Null also where the point is not on the curve: OpenSSL checks that while it reads it.
Key p256_key(Bytes point) {
  const std::unique_ptr<EVP_PKEY_CTX, FreeKeyContext> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  char group[] = "prime256v1";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(
          OSSL_PKEY_PARAM_PUB_KEY,
          const_cast<unsigned char*>(octets(point)),  // NOLINT: OpenSSL only reads it
          point.size()),
      OSSL_PARAM_construct_end(),
  };
  require_crypto(context != nullptr, "cannot load the key of a signature");
  require_crypto(EVP_PKEY_fromdata_init(context.get()) == 1, "cannot load the key of a signature");
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params);
  return Key(key);
}

bool verify(EVP_PKEY* key, const EVP_MD* digest, Bytes signature, Bytes data) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context(EVP_MD_CTX_new());
  require_crypto(context != nullptr, "cannot start the signature check");
  require_crypto(EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1,
                 "cannot start the signature check");
  return EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(data),
                          data.size()) == 1;
}

}  // namespace

const char* ed25519_point_problem(Bytes point) {
  if (point.size() != kEd25519PointSize) return "an Ed25519 key has 32 bytes";
  std::array<std::byte, kEd25519PointSize> y{};
  std::ranges::copy(point, y.begin());
  y.back() &= std::byte{0x7F};
  if (big_endian_hex(y) >= big_endian_hex(kFieldPrime)) return "the key is not canonical";
  if (std::ranges::find(kSmallOrder, to_hex(y)) != kSmallOrder.end()) {
    return "the key is a point of small order, which fits any signature";
  }
  return nullptr;
}

const char* p256_point_problem(Bytes point) {
  init_crypto();
  if (point.size() != kP256PointSize || point.front() != std::byte{4}) {
    return "a P-256 key is an uncompressed point of 65 bytes";
  }
  return p256_key(point) ? nullptr : "the key is not a point of the curve";
}

bool verify_ed25519(Bytes point, Bytes signature, Bytes data) {
  init_crypto();
  if (signature.size() != 64 || ed25519_point_problem(point) != nullptr ||
      ed25519_point_problem(signature.first(32)) != nullptr ||
      big_endian_hex(signature.last(32)) >= big_endian_hex(kGroupOrder)) {
    return false;
  }
  return verify(ed25519_key(point).get(), nullptr, signature, data);
}

bool is_p256_mpint(Bytes value) {
  if (value.empty() || value.size() > 33) return false;
  if (value.front() == std::byte{0}) {
    return value.size() > 1 && (value[1] & std::byte{0x80}) != std::byte{0};
  }
  return value.size() <= 32 && (value.front() & std::byte{0x80}) == std::byte{0};
}

bool verify_p256(Bytes point, Bytes r, Bytes s, Bytes data) {
  init_crypto();
  if (!is_p256_mpint(r) || !is_p256_mpint(s)) return false;
  const Key key = p256_key(point);
  if (!key) return false;
  // A positive mpint has the content bytes of a DER INTEGER; lengths stay below 128.
  std::vector<std::byte> der{std::byte{0x30}, static_cast<std::byte>(4 + r.size() + s.size())};
  for (const Bytes number : {r, s}) {
    der.push_back(std::byte{0x02});
    der.push_back(static_cast<std::byte>(number.size()));
    der.insert(der.end(), number.begin(), number.end());
  }
  return verify(key.get(), EVP_sha256(), der, data);
}

}  // namespace eb
