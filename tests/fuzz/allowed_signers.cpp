#include "installer/format/trust.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  fuzz::accepts(
      [&] {
        std::vector<std::string> skipped;
        for (const AllowedSigner& signer : parse_allowed_signers(as_text(input), "f", &skipped)) {
          fuzz::require(!signer.principals.empty(), "a signer has a name");
          fuzz::require(parse_public_key_wire(signer.key.wire) == signer.key, "a key is valid");
          if (signer.namespaces) pattern_list_matches(*signer.namespaces, kSignatureNamespace);
        }
      },
      ExitCode::kUntrusted);
  return 0;
}
