#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A dotted number such as 2.36, 525.60.13 or 5.10.0; compared number by number, missing parts are
/// 0 (FACTS §3.1: driver versions have two or three parts).
class DottedVersion {
 public:
  /// Digits and single dots only; nullopt otherwise (each part below 2^31).
  static std::optional<DottedVersion> parse(std::string_view text);
  /// The leading `\d+(\.\d+)*` of a text such as "5.10.0-28-amd64"; nullopt when it begins
  /// otherwise.
  static std::optional<DottedVersion> parse_prefix(std::string_view text);

  std::string str() const;
  std::strong_ordering operator<=>(const DottedVersion& other) const;
  bool operator==(const DottedVersion& other) const { return std::is_eq(*this <=> other); }

 private:
  std::vector<int> parts_;
};

}  // namespace eb
