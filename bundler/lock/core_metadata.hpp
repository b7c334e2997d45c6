#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eb {

/// The header fields of a wheel's METADATA (core-metadata specification): `Name: value` lines with
/// continuations, up to the first empty line.
class CoreMetadata {
 public:
  explicit CoreMetadata(std::string_view text);

  /// The first of that name, "" when absent. Names compare without case.
  std::string field(std::string_view name) const;
  std::vector<std::string> fields(std::string_view name) const;

  /// License-Expression, else a License field of one line or with a title, else the classifiers
  /// joined with " AND "; "" when nothing is stated.
  std::string licence() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;  ///< names in lower case
};

}  // namespace eb
