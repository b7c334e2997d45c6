#include <algorithm>

#include "installer/format/container.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  fuzz::accepts(
      [&] {
        fuzz::require(std::ranges::equal(encode_signatures(parse_signatures(input)), input),
                      "a list of signatures has one encoding");
      },
      ExitCode::kMalformed);
  return 0;
}
