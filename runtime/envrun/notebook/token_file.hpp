#pragma once

#include <string>

#include "runtime/envrun/core/world.hpp"

namespace eb {

/// The token that opens the user's notebook servers, in a file that only they can read.
struct TokenFile {
  std::string path;
  std::string token;  ///< 16 to 256 characters of [A-Za-z0-9._~-]
};

/// Reads the token of `path`; a missing file is made with a new token (48 hexadecimal digits from
/// getrandom), whole or not at all, 0600, in a directory of mode 0700. `renew` puts a new token in
/// any case. No line end follows the token, because Jupyter takes the file's text as it stands.
/// Throws Error when the file is not the caller's alone, a symlink, or holds no token.
TokenFile obtain_token(World& world, const std::string& path, bool renew);

}  // namespace eb
