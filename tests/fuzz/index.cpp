#include "installer/format/index.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const Bytes input = fuzz::bytes_of(data, size);
  fuzz::accepts(
      [&] {
        const Index index = parse_index(input);
        fuzz::require(std::ranges::equal(encode_index(index), input), "an index has one encoding");
        fuzz::require(totals(index).raw_bytes >= totals(index).file_bytes,
                      "the stream holds all files");
      },
      ExitCode::kMalformed);
  return 0;
}
