#include "runtime/envrun/limits/memory_size.hpp"

#include <array>
#include <cctype>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr uint64_t kMost = 1ull << 60;
constexpr std::string_view kUnits = "bkmgt";

Error bad_size(const std::string& option, const std::string& text) {
  return Error(ExitCode::kUsage, option + " " + text + " is no size")
      .hint("a number and a unit of b, k, m, g, t, for example " + option + " 32g or " + option +
            " 512m");
}

// 2^(10 * place of the letter), 0 for another text. "g", "gb" and "gib" are the same.
uint64_t unit_of(std::string unit) {
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (unit.empty()) return 1;
  const size_t place = kUnits.find(unit.front());
  const std::string rest = unit.substr(1);
  const bool is_known = rest.empty() || (place > 0 && (rest == "b" || rest == "ib"));
  return place == std::string_view::npos || !is_known ? 0 : 1ull << (10 * place);
}

}  // namespace

uint64_t parse_memory_size(const std::string& option, const std::string& text) {
  uint64_t whole = 0;
  size_t digits = 0;
  size_t at = 0;
  const auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (; is_digit(); ++at, ++digits) {
    if (digits > 18) throw bad_size(option, text);
    whole = whole * 10 + static_cast<uint64_t>(text[at] - '0');
  }
  if (digits == 0) throw bad_size(option, text);
  if (whole > kMost) throw bad_size(option, text);
  uint64_t fraction = 0;  // in hundredths: no floating point, 1.5g is exact
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!is_digit()) throw bad_size(option, text);
    fraction += static_cast<uint64_t>(text[at++] - '0') * 10;
    if (is_digit()) fraction += static_cast<uint64_t>(text[at++] - '0');
  }
  const uint64_t unit = unit_of(text.substr(at));
  if (unit == 0 || (unit == 1 && fraction != 0)) throw bad_size(option, text);
  if (whole > kMost / unit) throw bad_size(option, text);
  const uint64_t bytes = whole * unit + unit / 100 * fraction + unit % 100 * fraction / 100;
  if (bytes < kLeastMemorySize) {
    throw Error(ExitCode::kUsage, option + " " + text + " is less than 1 MiB")
        .hint("without a unit it is bytes: did you mean " + option + " " + text + "g?");
  }
  return bytes;
}

std::string memory_size_text(uint64_t bytes) {
  static constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t place = 0;
  uint64_t unit = 1;
  while (place + 1 < kNames.size() && bytes / unit >= 1024) {
    unit *= 1024;
    ++place;
  }
  const uint64_t tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
  std::string out = std::to_string(tenths / 10);
  if (tenths % 10 != 0) out += "." + std::to_string(tenths % 10);
  return out + " " + kNames.at(place);
}

}  // namespace eb
