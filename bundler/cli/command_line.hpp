#pragma once

#include <string>
#include <vector>

#include "bundler/cli/environment.hpp"

namespace eb {

/// The whole program: `arguments` without its name. Returns the exit code (DESIGN §3); writes to
/// the streams of `environment` alone; throws nothing.
int run_envbundle(const std::vector<std::string>& arguments, BundlerEnvironment& environment);

}  // namespace eb
