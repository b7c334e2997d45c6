#pragma once

#include <optional>
#include <string>

#include "installer/format/verified_bundle.hpp"
#include "installer/install/prefix.hpp"

namespace eb {

/// The release of the prefix that was made from `bundle`, by its name, which ends in the bundle's
/// ID: in tree or image form, the active one where both are there. Throws Error(kUsage) where there
/// is none, or `named` is another one.
std::string release_to_repair(const PrefixView& view, const VerifiedBundle& bundle,
                              const std::optional<std::string>& named);

}  // namespace eb
