#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace eb {

/// A path below a root that cannot lead out of it: relative, '/'-separated, UTF-8, no empty, "." or
/// ".." component, no control character, no trailing slash; at most kMaxBytes long, kMaxDepth
/// components, each of at most kMaxComponentBytes (FAULTS F091–F095). A bad path is refused, never
/// repaired. Ordered bytewise on the whole string, which puts a directory before what it holds.
class RelPath {
 public:
  static constexpr size_t kMaxBytes = 1024;
  static constexpr size_t kMaxComponentBytes = 255;
  static constexpr size_t kMaxDepth = 64;

  /// The rule that `text` breaks, as words for an error's `why`; nullopt when it is a valid path.
  static std::optional<std::string> problem(std::string_view text);

  /// nullopt when the text breaks a rule.
  static std::optional<RelPath> parse(std::string_view text);

  /// For text that the program itself made; throws Error(kInternal) when it breaks a rule.
  explicit RelPath(std::string_view text);

  const std::string& str() const noexcept { return text_; }
  std::string_view name() const noexcept;    ///< last component
  std::string_view parent() const noexcept;  ///< all before it; empty for a top-level name
  bool is_below(std::string_view directory) const noexcept;  ///< strictly inside `directory`

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "< 0" for a pointer
  auto operator<=>(const RelPath&) const = default;

 private:
  RelPath() = default;
  std::string text_;
};

/// Where a symlink at `link` with text `target` leads, lexically, as a path below the same root;
/// nullopt when it is absolute, empty, leaves the root or is the root itself (FAULTS F100).
std::optional<RelPath> resolve_link(const RelPath& link, std::string_view target);

}  // namespace eb
