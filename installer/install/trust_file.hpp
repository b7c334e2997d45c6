#pragma once

#include <sys/types.h>

#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// The text of a file that says whom to believe. Who may have written it decides whether it may be
/// believed (sshd's StrictModes has the same rule; F046): a regular file, owned by `uid` or root,
/// not writable by group or others, no symbolic link, because its place says nothing about what it
/// leads to. Throws Error(kUntrusted) otherwise, and for more than 1 MiB; kUsage where there is
/// none.
std::string read_trust_file(Sys& sys, const std::string& path, uid_t uid);

/// True when something is there, a link that leads nowhere too, and where the system does not say:
/// reading it then tells why, and no list of revoked keys is left out. False for "".
bool trust_file_exists(Sys& sys, const std::string& path);

}  // namespace eb
