#pragma once

#include <filesystem>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"

namespace eb {

/// Reads a bundle to its last byte as an installer would: header and signatures against `policy`,
/// each frame's digest, its decoding, each tar header, the digest of each file. Throws Error with
/// the installer's codes; `where` names frame and file. Memory: one raw and one compressed frame a
/// thread.
VerifiedBundle check_bundle(const std::filesystem::path& bundle, const TrustPolicy& policy,
                            unsigned threads, EventSink& events);

/// The digests of the frames alone: the file is what its index says. Throws
/// Error(kDigestMismatch).
void check_frame_digests(const std::filesystem::path& bundle, const VerifiedBundle& header,
                         unsigned threads, EventSink& events);

}  // namespace eb
