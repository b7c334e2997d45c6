#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "installer/base/digest.hpp"

namespace eb {

/// SHA-256 of a file's content. Throws Error.
Sha256 sha256_of_file(const std::filesystem::path& file);

/// Text that `sha256sum -c` reads: one line a name, sorted.
std::string encode_checksums(const std::map<std::string, Sha256>& digests);
/// The reverse; lines that are not of that form are left out.
std::map<std::string, Sha256> parse_checksums(std::string_view text);

/// Enters `digests` into FOLDER/SHA256SUMS. Lines of other files stay as long as these exist,
/// because a folder may hold several bundles.
void update_checksums(const std::filesystem::path& folder,
                      const std::map<std::string, Sha256>& digests);

}  // namespace eb
