#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bundler/artifact/deb.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

/// Puts the files of a package where map_debian_path() says. Modes become plain (setuid and the
/// like are dropped), links are led to where their targets go, hard links become copies. Maintainer
/// scripts are not run: finish_debian_base() does what of them a release needs. `origin` names the
/// package in conflicts. Throws Error of the reader or of `staging`.
///
/// Returns the links that were left out because what they name has no place in a release.
std::vector<std::string> stage_deb(DebReader& package, std::string_view origin, Staging& staging);

}  // namespace eb
