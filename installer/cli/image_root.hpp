#pragma once

#include <string>

#include "installer/cli/environment.hpp"

namespace eb {

/// The folder in which programs of the installed release at `folder` can be started and its files
/// be seen: `folder` itself, or for a release in image form where its own program mounts or unpacks
/// it on this node. Empty where only that program and what it starts can see it (a mount in a user
/// namespace); `image_hint` then says what to do. Throws Error where the image cannot be used here.
std::string reachable_root(const std::string& folder, const Environment& environment);

/// "to test it on this node: FOLDER/libexec/envbundle/envimage --exec …".
std::string image_hint(const std::string& folder, const std::string& prefix);

}  // namespace eb
