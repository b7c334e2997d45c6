#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace eb {

/// What GPU code was made for: sm_90a is {90, 'a'}. Ordered by number, the plain one first.
struct GpuArchitecture {
  static constexpr uint32_t kMinNumber = 10;
  static constexpr uint32_t kMaxNumber = 999;

  uint16_t number = 0;  ///< ten times the major compute capability plus the minor one
  /// 'a' runs on exactly this capability, 'f' on this and later ones of its family, '\0' follows
  /// the rule of FACTS §1.5.
  char suffix = '\0';

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "< 0" for a pointer
  auto operator<=>(const GpuArchitecture&) const = default;

  /// As a compute capability: 9.0, 9.0a, 12.0.
  std::string str() const {
    std::string out = std::to_string(number / 10) + "." + std::to_string(number % 10);
    if (suffix != '\0') out += suffix;
    return out;
  }
};

}  // namespace eb
