#include <algorithm>
#include <string_view>

#include "installer/format/sshsig.hpp"

namespace eb {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(Bytes data, bool padded) {
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (size_t i = 0; i < data.size(); i += 3) {
    const size_t count = std::min<size_t>(3, data.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? std::to_integer<uint32_t>(data[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      if (k <= count) {
        out += kAlphabet[group >> (18 - 6 * k) & 63];
      } else if (padded) {
        out += '=';
      }
    }
  }
  return out;
}

std::optional<std::vector<std::byte>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::vector<std::byte> out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const std::string_view quad = text.substr(i, 4);
    size_t digits = 4;
    if (i + 4 == text.size()) {
      while (digits > 2 && quad[digits - 1] == '=') --digits;
    }
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const size_t value = k < digits ? kAlphabet.find(quad[k]) : 0;
      if (value == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    // Bits below the last whole byte must be 0, or one value would have several texts.
    const uint32_t unused = digits == 2 ? 0xFFFF : digits == 3 ? 0xFF : 0;
    if ((group & unused) != 0) return std::nullopt;
    for (size_t k = 0; k + 1 < digits; ++k) {
      out.push_back(static_cast<std::byte>(group >> (16 - 8 * k)));
    }
  }
  return out;
}

}  // namespace eb
