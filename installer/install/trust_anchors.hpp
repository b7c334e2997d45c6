#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "installer/base/digest.hpp"

namespace eb {

// The trust anchors that an installer itself carries. `envbundle build` writes them into a copy of
// the finished program, so the place is an interface between two programs:
//
//   ELF section kTrustSectionName, exactly kTrustSectionSize bytes:
//     kTrustMagic (32 bytes) | text of an OpenSSH allowed_signers file | NUL up to the end
//
// In a plain build the text is empty. The text may use every byte after the magic; the first NUL
// ends it and only NULs may follow.

inline constexpr char kTrustSectionName[] = ".envinstall_trust";
inline constexpr size_t kTrustSectionSize = size_t{16} * 1024;  ///< bytes
inline constexpr std::string_view kTrustMagic{"envinstall trust anchors v1\r\n\x1a\n\0", 32};
inline constexpr size_t kMaxTrustText = kTrustSectionSize - kTrustMagic.size();  ///< bytes

static_assert(kTrustMagic.size() == 32);

/// The text of a section's bytes. Throws Error(kUntrusted) when they are not laid out as above: a
/// program that was damaged must not pass for one without anchors.
std::string parse_trust_section(Bytes section);

/// The text that the running program carries; empty when it was never stamped. Throws as above.
std::string own_trust_anchors();

}  // namespace eb
