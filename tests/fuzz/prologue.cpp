#include <algorithm>

#include "installer/format/container.hpp"
#include "tests/fuzz/fuzz_target.hpp"

// The digest at the end stops nearly every input, so it is made right for half of them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  std::vector<std::byte> bytes(input.begin(), input.end());
  if (size >= kPrologueFrameSize && (data[size - 1] & 1) != 0) {
    const Sha256 digest = sha256(input.first(kPrologueFrameSize - 32));
    std::ranges::copy(digest.bytes, bytes.begin() + (kPrologueFrameSize - 32));
  }
  fuzz::accepts(
      [&] {
        const Prologue prologue = parse_prologue(bytes);
        const auto again = encode_prologue(prologue);
        fuzz::require(std::ranges::equal(again, Bytes(bytes).first(kPrologueFrameSize)),
                      "a prologue has one encoding");
        fuzz::require(prologue.file_size() > prologue.data_size, "sizes do not overflow");
      },
      ExitCode::kMalformed);
  return 0;
}
