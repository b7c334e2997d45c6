#pragma once

#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// Name below .envinstall of a release's last GPU check: "check-RELEASE.txt" for people,
/// "check-RELEASE.json" for programs. A release itself is never written to.
std::string check_file_name(const std::string& release, const char* suffix);

/// Keeps both, each whole or not at all. `state` is the open .envinstall, `where` its path. Throws
/// Error, kPermission for somebody else's prefix among others.
void keep_check_report(Sys& sys, int state, const std::string& release, const std::string& text,
                       const std::string& json, const std::string& where);

/// With the release its reports go.
void remove_check_report(Sys& sys, int state, const std::string& release) noexcept;

}  // namespace eb
