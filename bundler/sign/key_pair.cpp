#include "bundler/sign/key_pair.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "bundler/sign/ssh_writer.hpp"
#include "installer/base/crypto.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr char kEd25519[] = "ssh-ed25519";
constexpr char kP256[] = "ecdsa-sha2-nistp256";
constexpr size_t kScalarSize = 32;
constexpr size_t kPointSize = 65;  // uncompressed

template <auto free_function>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using Bignum = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;

const unsigned char* raw(Bytes data) { return reinterpret_cast<const unsigned char*>(data.data()); }

Error crypto_error(const char* what) { return {ExitCode::kInternal, what}; }

Error bad_key(std::string why) {
  return Error(ExitCode::kUntrusted, "not a usable private key").why(std::move(why));
}

std::vector<std::byte> public_point(EVP_PKEY* key) {
  std::array<std::byte, kPointSize> point{};
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
                                      reinterpret_cast<unsigned char*>(point.data()), point.size(),
                                      &size) != 1) {
    throw crypto_error("cannot read the public part of a key");
  }
  return {point.begin(), point.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::vector<std::byte> digest_sign(EVP_PKEY* key, const EVP_MD* digest, Bytes data) {
  const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, raw(data), data.size()) != 1) {
    throw crypto_error("cannot sign");
  }
  std::vector<std::byte> out(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, raw(data),
                     data.size()) != 1) {
    throw crypto_error("cannot sign");
  }
  out.resize(size);
  return out;
}

std::vector<std::byte> magnitude(const BIGNUM* number) {
  std::vector<std::byte> out(static_cast<size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

}  // namespace

void KeyPair::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

KeyPair KeyPair::generate(std::string_view type) {
  init_crypto();
  Handle key;
  if (type == kEd25519) {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  } else if (type == kP256) {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  } else {
    throw Error(ExitCode::kUsage, "no such type of key")
        .why("'" + std::string(type) + "'")
        .hint(std::string("use ") + kEd25519 + " or " + kP256);
  }
  if (!key) throw crypto_error("cannot make a key");
  return {std::string(type), std::move(key)};
}

KeyPair KeyPair::from_ed25519(Bytes seed, Bytes public_bytes) {
  init_crypto();
  if (seed.size() != kScalarSize || public_bytes.size() != kScalarSize) {
    throw bad_key("an Ed25519 key has 32 bytes");
  }
  Handle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()));
  std::array<std::byte, kScalarSize> derived{};
  size_t size = derived.size();
  if (!key || EVP_PKEY_get_raw_public_key(
                  key.get(), reinterpret_cast<unsigned char*>(derived.data()), &size) != 1) {
    throw crypto_error("cannot load an Ed25519 key");
  }
  if (!std::equal(derived.begin(), derived.end(), public_bytes.begin())) {
    throw bad_key("its public and private parts do not belong together");
  }
  return {kEd25519, std::move(key)};
}

KeyPair KeyPair::from_p256(Bytes scalar, Bytes public_point_bytes) {
  init_crypto();
  // One byte more than the number may have, for the sign of an mpint.
  if (scalar.empty() || scalar.size() > kScalarSize + 1 ||
      public_point_bytes.size() != kPointSize) {
    throw bad_key("its numbers have not the size of a key on the curve P-256");
  }
  const Bignum number(BN_secure_new());
  const std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>> builder(
      OSSL_PARAM_BLD_new());
  const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  if (!number || !builder || !context ||
      BN_bin2bn(raw(scalar), static_cast<int>(scalar.size()), number.get()) == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                       public_point_bytes.data(), public_point_bytes.size()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) != 1) {
    throw crypto_error("cannot load an ECDSA key");
  }
  const std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()));
  EVP_PKEY* made = nullptr;
  if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
    throw bad_key("its numbers are not a key on the curve P-256");
  }
  Handle key(made);
  const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> check(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_pairwise_check(check.get()) != 1) {
    throw bad_key("its public and private parts do not belong together");
  }
  return {kP256, std::move(key)};
}

SshPublicKey KeyPair::public_key() const {
  SshWriter wire;
  wire.string(type_);
  if (type_ == kEd25519) {
    std::array<std::byte, kScalarSize> bytes{};
    size_t size = bytes.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                                    &size) != 1) {
      throw crypto_error("cannot read the public part of a key");
    }
    wire.string(Bytes(bytes));
  } else {
    wire.string("nistp256");
    wire.string(public_point(key_.get()));
  }
  return parse_public_key_wire(wire.data());
}

std::vector<std::byte> KeyPair::sign(Bytes data) const {
  SshWriter out;
  out.string(type_);
  if (type_ == kEd25519) {
    out.string(digest_sign(key_.get(), nullptr, data));
    return out.data();
  }
  const std::vector<std::byte> der = digest_sign(key_.get(), EVP_sha256(), data);
  const unsigned char* at = raw(der);
  const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> parts(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!parts) throw crypto_error("cannot read an ECDSA signature");
  SshWriter value;
  value.mpint(magnitude(ECDSA_SIG_get0_r(parts.get())));
  value.mpint(magnitude(ECDSA_SIG_get0_s(parts.get())));
  out.string(value.data());
  return out.data();
}

std::vector<std::byte> KeyPair::private_fields() const {
  SshWriter out;
  if (type_ == kEd25519) {
    std::array<std::byte, 2 * kScalarSize> both{};
    size_t size = kScalarSize;
    auto* bytes = reinterpret_cast<unsigned char*>(both.data());
    if (EVP_PKEY_get_raw_private_key(key_.get(), bytes, &size) != 1 ||
        EVP_PKEY_get_raw_public_key(key_.get(), bytes + kScalarSize, &size) != 1) {
      throw crypto_error("cannot read a key");
    }
    out.string(Bytes(both).subspan(kScalarSize));
    out.string(Bytes(both));
    return out.data();
  }
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1) {
    throw crypto_error("cannot read a key");
  }
  const Bignum owned(number);
  out.string("nistp256");
  out.string(public_point(key_.get()));
  out.mpint(magnitude(number));
  return out.data();
}

}  // namespace eb
