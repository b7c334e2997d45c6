#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// One paragraph of a Debian control file (deb822(5)); field names in lower case. Continuation
/// lines keep their line breaks, without the blank in front.
using ControlStanza = std::map<std::string, std::string, std::less<>>;

std::vector<ControlStanza> parse_control(std::string_view text);

/// The value of a field, "" when it is absent. `name` in lower case.
const std::string& control_field(const ControlStanza& stanza, std::string_view name);

/// The names of a Depends or Provides field: for each comma-separated group its alternatives,
/// without versions, architectures and build profiles.
std::vector<std::vector<std::string>> parse_relations(std::string_view text);

}  // namespace eb
