#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace eb {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A SHA-256 value (FIPS 180-4). Ordered bytewise; printed as 64 lower-case hexadecimal digits.
struct Sha256 {
  std::array<std::byte, 32> bytes{};

  std::string hex() const;
  /// Exactly 64 hexadecimal digits, either case. Throws Error(kInvalidLock) on anything else.
  static Sha256 from_hex(std::string_view text);

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "< 0" for a pointer
  auto operator<=>(const Sha256&) const = default;
};

Sha256 sha256(Bytes data);

std::array<std::byte, 64> sha512(Bytes data);

/// Incremental SHA-256. Not for use by two threads at once.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  void update(Bytes data);
  /// Ends the computation; the hasher then begins anew.
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(Bytes data);

}  // namespace eb
