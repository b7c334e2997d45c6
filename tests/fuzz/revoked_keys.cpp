#include "installer/format/revoked_keys.hpp"

#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  fuzz::accepts(
      [&] {
        for (const RevokedKey& key : parse_revoked_keys(as_text(input), "f")) {
          fuzz::require(is_fingerprint(key.fingerprint), "a revoked key has a fingerprint");
        }
      },
      ExitCode::kUntrusted);
  return 0;
}
