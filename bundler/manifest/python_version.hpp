#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// A version of a Python project (version-specifiers specification, PEP 440), ordered by its rules.
class PythonVersion {
 public:
  /// nullopt when the text is no such version. Case, separators and spellings are normalised.
  static std::optional<PythonVersion> parse(std::string_view text);

  const std::vector<uint64_t>& release() const { return release_; }
  uint64_t epoch() const { return epoch_; }
  const std::string& local() const { return local_; }  ///< "cu128" of 2.8.0+cu128
  bool is_prerelease() const { return pre_ || dev_; }
  bool is_postrelease() const { return post_.has_value(); }

  /// The same without the local part; with nothing after the release.
  PythonVersion public_part() const;
  PythonVersion base_part() const;

  std::strong_ordering operator<=>(const PythonVersion& other) const;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "== 0" for a pointer
  bool operator==(const PythonVersion& other) const { return (*this <=> other) == 0; }

 private:
  struct Pre {
    int phase = 0;  ///< 0 alpha, 1 beta, 2 release candidate
    uint64_t number = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the rewritten "< 0" for a pointer
    auto operator<=>(const Pre&) const = default;
  };
  uint64_t epoch_ = 0;
  std::vector<uint64_t> release_;
  std::optional<Pre> pre_;
  std::optional<uint64_t> post_, dev_;
  std::string local_;
};

/// A comma-separated set of clauses such as `>=2.8,!=2.8.1,<3` or `==2.8.*`; all must hold.
class VersionSpecifier {
 public:
  /// nullopt when a clause is not one of the specification's.
  static std::optional<VersionSpecifier> parse(std::string_view text);

  bool contains(const PythonVersion& version) const;
  bool empty() const { return clauses_.empty(); }
  /// The version of a single `==X` clause without wildcard.
  std::optional<PythonVersion> exact() const;
  /// The same with `==2.8.0` for `==2.8.0+cu128`.
  VersionSpecifier without_local() const;

 private:
  enum class Operator {
    kCompatible,
    kEqual,
    kNotEqual,
    kLessEqual,
    kGreaterEqual,
    kLess,
    kGreater,
    kArbitrary
  };
  struct Clause {
    Operator op = Operator::kEqual;
    PythonVersion version;
    bool prefix = false;  ///< ended in .*
  };
  static std::optional<Clause> parse_clause(std::string_view text);
  static bool holds(const Clause& clause, const PythonVersion& version);

  std::vector<Clause> clauses_;
};

}  // namespace eb
