#pragma once

#include <filesystem>

#include "installer/base/events.hpp"
#include "installer/format/trust.hpp"
#include "installer/format/verified_bundle.hpp"

namespace eb {

/// Reads a bundle to its last byte with the installer's own code: header and signatures against
/// `policy`, each frame's digest and decoding, the digest of each file. Throws what an installer
/// would.
VerifiedBundle verify_bundle_file(const std::filesystem::path& bundle, const TrustPolicy& policy,
                                  unsigned threads, EventSink& events);

}  // namespace eb
