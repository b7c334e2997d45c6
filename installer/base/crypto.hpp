#pragma once

namespace eb {

/// Readies OpenSSL for this process without ever reading an openssl.cnf: what a site's file says
/// about providers or algorithms must not decide whether a signature holds, and in an empty root
/// there is no such file. Everything of ours that enters OpenSSL calls it first; whoever is first
/// in the process decides, later calls cost nothing. Safe for many threads.
void init_crypto();

/// Throws Error(kInternal, `what`) unless OpenSSL did its part: it has no memory, or was readied in
/// another way than by init_crypto(). A signature that could not be checked is no wrong signature.
void require_crypto(bool done, const char* what);

}  // namespace eb
