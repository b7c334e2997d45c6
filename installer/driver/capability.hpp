#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A compute capability, or a target of machine code: 8.6, 9.0a, 10.0f.
struct Capability {
  int major = 0;
  int minor = 0;
  char suffix = '\0';  ///< 'a' or 'f'; '\0' = none

  /// "8.6" with one or two digits before the dot and one after; nullopt otherwise.
  static std::optional<Capability> parse(std::string_view text);
  std::string str() const;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "< 0" for a pointer
  auto operator<=>(const Capability&) const = default;
};

/// Blank-separated capabilities; nullopt when one of them is none. Empty text is an empty list.
std::optional<std::vector<Capability>> parse_capabilities(std::string_view text);
/// "7.0 7.5 8.0".
std::string capabilities_text(const std::vector<Capability>& capabilities);

/// Machine code for X.Y runs on X.Z with Z >= Y; with a suffix on X.Y alone (FACTS §1.5).
bool code_runs_on(const Capability& code, const Capability& gpu);
/// PTX for X.Y is compiled by the driver for every GPU from X.Y on; with a suffix for X.Y alone.
bool ptx_runs_on(const Capability& ptx, const Capability& gpu);

}  // namespace eb
