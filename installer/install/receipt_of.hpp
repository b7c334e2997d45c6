#pragma once

#include <string>

#include "installer/format/verified_bundle.hpp"
#include "installer/install/host.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {

/// The receipt of a release of this bundle that the run `nonce` makes now.
Receipt receipt_of(const VerifiedBundle& bundle, const std::string& nonce, const TrustStore& trust,
                   const Host& host);

}  // namespace eb
