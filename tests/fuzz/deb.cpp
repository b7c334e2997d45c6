#include "bundler/artifact/deb.hpp"

#include <algorithm>

#include "installer/base/rel_path.hpp"
#include "tests/fuzz/memory_file.hpp"

// A Debian package with all its entries: ar, the decompressors, tar.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const fuzz::MemoryFile file(data, size);
  fuzz::accepts(
      [&] {
        DebReader deb(file.path(), "fuzz.deb");
        deb.field("Package");
        TarEntry entry;
        uint64_t left = 1 << 20;  // a bomb that is no bug shall not slow the search down
        while (left > 0 && deb.next(entry)) {
          const bool root = entry.path.empty() && entry.type == TarEntry::Type::kDirectory;
          fuzz::require(root || !RelPath::problem(entry.path), "names are valid paths");
          char buffer[4096];
          uint64_t read = 0;
          while (left > 0) {
            const size_t got = deb.read(buffer, sizeof buffer);
            if (got == 0) break;
            read += got;
            left -= std::min<uint64_t>(left, got);
          }
          fuzz::require(left == 0 || read == entry.size_bytes, "content has the declared size");
        }
      },
      ExitCode::kInvalidLock);
  return 0;
}
