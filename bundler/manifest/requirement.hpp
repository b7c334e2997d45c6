#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/manifest/marker.hpp"
#include "bundler/manifest/python_version.hpp"

namespace eb {

/// A dependency as `Requires-Dist` and requirement lists have it (dependency-specifiers
/// specification): `name[extra] >=1,<2 ; marker`.
struct Requirement {
  std::string name;                 ///< normalised
  std::vector<std::string> extras;  ///< normalised, sorted
  VersionSpecifier specifier;
  std::string url;  ///< of `name @ url`; then the specifier is empty
  std::optional<Marker> marker;

  /// Whether it applies to the target; `extra` as in Marker::holds().
  bool applies(const MarkerEnvironment& environment, std::string_view extra = "") const {
    return !marker || marker->holds(environment, extra);
  }
};

/// nullopt when the text is no requirement; `*problem` then says why.
std::optional<Requirement> parse_requirement(std::string_view text, std::string* problem = nullptr);

/// A project's name as indexes compare it (PEP 503).
std::string normalise_name(std::string_view name);

}  // namespace eb
