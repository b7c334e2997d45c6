#pragma once

#include "installer/base/digest.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {

// Public-key arithmetic, by OpenSSL (FIPS 186-5). What OpenSSL lets pass and FORMAT §8 does not is
// checked here. `data` is what the key signed, not the message.

/// The rule that the key's point breaks, as words; nullptr when it may be used. `point` is 32 bytes
/// (Ed25519) or 65 (P-256, uncompressed).
const char* ed25519_point_problem(Bytes point);
const char* p256_point_problem(Bytes point);

/// `signature` is R ‖ S, 64 bytes. False also for S ≥ L, and for R of small order or not canonical.
bool verify_ed25519(Bytes point, Bytes signature, Bytes data);

/// True for a value that RFC 4251 §5 allows as mpint, positive and below 2^256.
bool is_p256_mpint(Bytes value);
/// `r` and `s` are mpints that is_p256_mpint() allows; the hash is SHA-256 (RFC 5656 §6.2.1).
bool verify_p256(Bytes point, Bytes r, Bytes s, Bytes data);

}  // namespace eb
