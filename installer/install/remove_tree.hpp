#pragma once

#include <string>

#include "installer/base/sys.hpp"

namespace eb {

/// Removes `name` below `dir` with all it holds, following no link. For directories that are this
/// program's alone (staging); a release goes by its index. Returns 0 or the first -errno; what was
/// gone already is no error.
int remove_tree(Sys& sys, int dir, const std::string& name) noexcept;

}  // namespace eb
