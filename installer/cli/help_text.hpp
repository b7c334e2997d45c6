#pragma once

#include <string>

namespace eb {

/// What --help of a command prints; "" is installing. `anchors` is the installer's own
/// allowed_signers text, of which the fingerprints are shown.
std::string help_text(const std::string& command, const std::string& anchors);

}  // namespace eb
