// Does on purpose what a sanitizer is there to find: a build whose sanitizers say nothing, or go
// on, has tests that pass whatever the code does.

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string_view>

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  int result = 0;
  if (what == "undefined") {
    result = std::numeric_limits<int>::max() - 1 + argc;
  } else if (what == "address") {
    const auto block = std::make_unique<char[]>(8);
    result = block.get()[6 + argc];
  } else if (what == "memory") {
    const std::unique_ptr<int[]> block(new int[8]);
    if (block[static_cast<size_t>(argc)] == 7) std::puts("seven");
  } else {
    std::puts("sanitizer_probe: undefined, address or memory");
    return 2;
  }
  std::printf("went on with %d\n", result);
}
