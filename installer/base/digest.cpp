#include "installer/base/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "installer/base/crypto.hpp"
#include "installer/base/error.hpp"

namespace eb {

void init_crypto() {
  require_crypto(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1,
                 "cannot start the cryptographic library");
}

void require_crypto(bool done, const char* what) {
  if (!done) throw Error(ExitCode::kInternal, what);
}

std::string to_hex(Bytes data) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(data.size() * 2);
  for (const std::byte b : data) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4];
    out += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

std::string Sha256::hex() const { return to_hex(bytes); }

Sha256 Sha256::from_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  Sha256 out;
  bool ok = text.size() == 64;
  for (size_t i = 0; ok && i < 32; ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    ok = high >= 0 && low >= 0;
    if (ok) out.bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  if (!ok) {
    throw Error(ExitCode::kInvalidLock, "not a SHA-256 value")
        .where("'" + std::string(text.substr(0, 80)) + "'")
        .why("64 hexadecimal digits are needed, these are " + std::to_string(text.size()) +
             " characters");
  }
  return out;
}

struct Sha256Hasher::State {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  State() { require_crypto(context != nullptr, "cannot start SHA-256"); }
  void begin() {
    require_crypto(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1,
                   "cannot start SHA-256");
  }
};

Sha256Hasher::Sha256Hasher() {
  init_crypto();
  state_ = std::make_unique<State>();
  state_->begin();
}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::update(Bytes data) {
  require_crypto(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()) == 1,
                 "SHA-256 failed");
}

Sha256 Sha256Hasher::finish() {
  Sha256 out;
  require_crypto(
      EVP_DigestFinal_ex(state_->context.get(), reinterpret_cast<unsigned char*>(out.bytes.data()),
                         nullptr) == 1,
      "SHA-256 failed");
  state_->begin();
  return out;
}

Sha256 sha256(Bytes data) {
  Sha256Hasher hasher;
  hasher.update(data);
  return hasher.finish();
}

std::array<std::byte, 64> sha512(Bytes data) {
  init_crypto();
  std::array<std::byte, 64> out{};
  require_crypto(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()),
                            nullptr, EVP_sha512(), nullptr) == 1,
                 "SHA-512 failed");
  return out;
}

}  // namespace eb
