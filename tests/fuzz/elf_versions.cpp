#include "installer/driver/elf_versions.hpp"

#include <algorithm>
#include <cstring>

#include "installer/driver/loader_cache.hpp"
#include "tests/fuzz/fuzz_target.hpp"

// What the installer reads of a host's libraries: version tables of an ELF file and the loader's
// cache. Both come from machines that nobody vouches for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  size_t reads = 0;
  const auto versions = read_elf_versions([&](uint64_t offset, void* to, size_t wanted) -> size_t {
    ++reads;
    if (offset >= size) return 0;
    const size_t given = std::min<uint64_t>(wanted, size - offset);
    std::memcpy(to, data + offset, given);
    return given;
  });
  fuzz::require(reads < 40'000, "the number of reads is bounded");
  if (versions) {
    fuzz::require(versions->needs_glibc >= 0 && versions->needs_glibc <= 9999 &&
                      versions->defines_glibc >= 0 && versions->defines_glibc <= 9999,
                  "a version has at most four digits");
  }
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  for (const int32_t flags : {kCacheX86_64, kCacheAarch64}) {
    for (const std::string& path : cached_paths(text, "libcuda.so.1", flags)) {
      fuzz::require(path.starts_with('/'), "a path of the cache is absolute");
      fuzz::require(text.find(path) != std::string_view::npos, "a path of the cache stands in it");
    }
  }
  return 0;
}
