#pragma once

#include <string>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/format/container.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"

namespace eb {

/// What stands before the data, read but not believed: sizes are within their caps, the file is as
/// long as it should be.
struct UnverifiedHeader {
  Prologue prologue;
  std::vector<std::byte> index;
  std::vector<std::byte> signatures;
};

/// Reads the header from the beginning of `source`. Nothing is allocated before the prologue's
/// sizes were held against the caps and the file (F005). Throws Error: kMalformed for what is not a
/// bundle, truncated (F003) or longer than stated (F004).
UnverifiedHeader read_bundle_header(BundleSource& source);

/// verify_header() with the bundle's name in the message. Consumes `header`.
VerifiedBundle verify_bundle_header(UnverifiedHeader header, const TrustPolicy& policy,
                                    const std::string& name);

/// Fingerprints of the signatures as the bundle states them, for a message: nothing is verified.
/// What cannot be read is left out.
std::vector<std::string> stated_fingerprints(const UnverifiedHeader& header);

/// The bundle ends earlier or later than it says.
Error wrong_length(const BundleSource& source, uint64_t expected, uint64_t actual);

}  // namespace eb
