#pragma once

#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"

namespace eb {

/// Throws Error(kPermission) where another user could exchange the prefix or a folder above it
/// (F111): one that belongs neither to root nor to the installing user, or that everybody may write
/// to without its sticky bit. Looks at what exists of `view`, upwards from its descriptor, so that
/// no link on the way hides anything.
void require_own_path(Sys& sys, const PrefixView& view, const Host& host);

}  // namespace eb
