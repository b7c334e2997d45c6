#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace eb {

/// What markers are evaluated against: the target, never the machine that locks.
struct MarkerEnvironment {
  std::map<std::string, std::string, std::less<>> values;  ///< every field but extra(s) and groups
  std::set<std::string> extras;                            ///< for `"x" in extras` (pylock.toml)
  std::set<std::string> dependency_groups;                 ///< for `"x" in dependency_groups`
};

/// CPython `python` ("3.11.2") on `platform` ("linux-x86_64"). Fields that cannot be known for a
/// target are "0" or "" as the specification says.
MarkerEnvironment target_environment(std::string_view platform, std::string_view python);

/// An environment marker (dependency-specifiers specification, "Environment Markers", as amended):
/// Version fields compare as versions, on String fields `<=` and `>=` mean `==` and `<`, `>` never
/// hold. A marker with a field that is not known here holds nowhere.
class Marker {
 public:
  struct Node;

  /// nullopt when the text is no marker.
  static std::optional<Marker> parse(std::string_view text);

  /// `extra` is the one extra that is asked for, "" for none.
  bool holds(const MarkerEnvironment& environment, std::string_view extra = "") const;

 private:
  std::shared_ptr<const Node> root_;
  bool has_unknown_field_ = false;
};

}  // namespace eb
