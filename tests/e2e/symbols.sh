#!/bin/bash
# The finished envinstall holds no network, no archive reader but its own, and none of our signing code:
# `symbols.sh BUILD_FOLDER`. Looks at the linked program, and at what the objects of its rooms ask for (a static
# libcrypto brings functions that nothing calls).
set -euo pipefail
build=$1
program=$build/installer/cli/envinstall
bad=0
defined=$(nm -C --defined-only "$program" 2>/dev/null || true)
if [ -z "$defined" ]; then
  # A stripped program: judge by the objects and by the strings of the libraries.
  defined=$(strings -a "$program")
fi
for word in curl_easy_ curl_multi_ archive_read_ archive_entry_ inflateInit lzma_ BZ2_ 'nlohmann::.*::parser'; do
  if grep -qE "(^|[^A-Za-z_])$word" <<<"$defined"; then
    echo "envinstall has $word"
    bad=1
  fi
done
asked=$(find "$build/installer" -name '*.o' -print0 | xargs -0 nm -u 2>/dev/null)
[ -n "$asked" ] || { echo "no objects below $build/installer"; exit 1; }
for word in EVP_DigestSign EVP_PKEY_keygen EVP_PKEY_Q_keygen EVP_PKEY_sign PEM_write ED25519_sign ZSTD_compress \
  socket connect getaddrinfo dlopen execve system popen; do
  if grep -qE " U (_?)$word(@|$|_)" <<<"$asked"; then
    echo "a room of the installer asks for $word"
    bad=1
  fi
done
exit $bad
