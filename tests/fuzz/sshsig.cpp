#include "installer/format/sshsig.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_target.hpp"

// The input as a blob, as armored text, and as a public key.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  fuzz::accepts(
      [&] {
        const SshSignature signature = parse_sshsig(input);
        verify_sshsig(signature, as_bytes("message"));
        fuzz::require(parse_public_key(signature.key.authorized_line()) == signature.key,
                      "a key has one line");
      },
      ExitCode::kUntrusted);
  fuzz::accepts(
      [&] {
        const auto blob = dearmor_sshsig(as_text(input));
        fuzz::require(dearmor_sshsig(armor_sshsig(blob)) == blob, "armor keeps its blob");
      },
      ExitCode::kUntrusted);
  fuzz::accepts([&] { parse_public_key(as_text(input)); }, ExitCode::kUntrusted);
  fuzz::accepts([&] { parse_public_key_wire(input); }, ExitCode::kUntrusted);
  if (const auto decoded = base64_decode(as_text(input))) {
    fuzz::require(base64_encode(*decoded, true) == as_text(input), "bytes have one base64 text");
  }
  return 0;
}
