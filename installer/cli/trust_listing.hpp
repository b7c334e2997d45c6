#pragma once

#include "installer/cli/command_line.hpp"
#include "installer/install/host.hpp"

namespace eb {

/// Prints every key that stands in a list here, what the lists say of it, whether it counts now,
/// and which lists do; then the revoked ones. A list that must not be believed is shown with the
/// reason. Returns the exit code: kUntrusted when there is such a one.
int list_trust(const TrustArguments& arguments, const OutputOptions& output, const Host& host,
               Environment& environment);

}  // namespace eb
