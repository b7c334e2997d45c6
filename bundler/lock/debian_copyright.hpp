#pragma once

#include <string>
#include <string_view>

namespace eb {

/// The licences that a package's debian/copyright names, joined with " AND ": the short names of
/// the File paragraphs of a machine-readable one (copyright-format 1.0), else the texts of
/// /usr/share/common-licenses that it refers to, else "text in debian/copyright". "" for no text.
std::string summarise_copyright(std::string_view text);

}  // namespace eb
