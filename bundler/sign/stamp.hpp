#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "installer/base/digest.hpp"

namespace eb {

/// The bytes of an `envinstall` with `allowed_signers` as its trust anchors: its reserved section
/// holds the text, every other byte is unchanged. `name` is for messages. Throws Error(kUsage) when
/// `program` is no ELF file or has no such section, Error(kUsage) when the text is too long for it.
std::vector<std::byte> stamp_installer(std::vector<std::byte> program,
                                       std::string_view allowed_signers, const std::string& name);

/// The text that an installer carries; empty when it was never stamped. Throws as above.
std::string installer_anchors(const std::vector<std::byte>& program, const std::string& name);

/// Reads `installer`, writes the stamped copy to `output` (0755) by temporary name and rename.
void write_stamped_installer(const std::filesystem::path& installer,
                             const std::filesystem::path& output, std::string_view allowed_signers);

}  // namespace eb
