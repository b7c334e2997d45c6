#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "installer/format/index.hpp"

namespace eb {

// The rules of FORMAT §4–§7, for parse_index() (which knows byte offsets) and for check_index()
// (which does not). All throw Error(kMalformed).

/// Text for an error's `where`, given the number of an entry.
using EntryLocator = std::function<std::string(size_t)>;

void check_meta(const std::map<std::string, std::string>& meta);
void check_optional_sections(const std::vector<OptionalSection>& sections);
/// True for [a-z][a-z0-9-]{0,15}.
bool is_section_name(std::string_view name);

/// Each entry alone, then the set: order, parents, reserved names, symlinks.
void check_entries(const std::vector<Entry>& entries, const EntryLocator& locate);
/// Where symlinks lead (F100): for entries that are sorted and otherwise in order.
void check_links(const std::vector<Entry>& entries, const EntryLocator& locate);
/// Frames alone, then the tar stream.
void check_layout(const Index& index, const EntryLocator& locate);

}  // namespace eb
