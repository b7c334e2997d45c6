#pragma once

#include <cstdint>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

struct BundleCheck {
  uint64_t frames = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;  ///< of files
};

/// Reads the whole bundle as an install would, and hashes every file instead of writing it. Throws
/// Error(kDigestMismatch) for the first thing that is wrong. Sends one phase, "verify".
BundleCheck check_bundle(BundleSource& source, const VerifiedBundle& bundle, unsigned jobs,
                         EventSink& events, const StopFlag& stop);

}  // namespace eb
