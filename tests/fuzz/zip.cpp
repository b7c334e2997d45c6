#include <set>

#include "bundler/artifact/zip_file.hpp"
#include "installer/base/rel_path.hpp"
#include "tests/fuzz/memory_file.hpp"

// Structure and content of a zip archive: what is accepted has unique names that stay inside, and
// data that overlaps with nothing.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const fuzz::MemoryFile file(data, size);
  fuzz::accepts(
      [&] {
        const ZipFile zip(file.path(), "fuzz.zip");
        std::set<std::string> names;
        uint64_t total = 0;
        for (const ZipEntry& entry : zip.entries()) {
          fuzz::require(!RelPath::problem(entry.name), "names are valid paths");
          fuzz::require(names.insert(entry.name).second, "names are unique");
          fuzz::require(
              entry.data_offset <= size && entry.compressed_bytes <= size - entry.data_offset,
              "data lies in the file");
          total += entry.compressed_bytes;
        }
        fuzz::require(total <= size, "data does not overlap");
        for (const ZipEntry& entry : zip.entries()) {
          if (entry.size_bytes > 1 << 20) continue;
          fuzz::require(zip.read(entry, 1 << 20).size() == entry.size_bytes,
                        "content has the size that was declared");
        }
      },
      ExitCode::kInvalidLock);
  return 0;
}
