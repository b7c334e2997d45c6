#include "installer/driver/loader_cache.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>

#include "cache_maker.hpp"

namespace eb {
namespace {

using namespace test;

const std::vector<CacheLine> kLines = {
    {"libc.so.6", kCacheX86_64, "/lib/x86_64-linux-gnu/libc.so.6"},
    {"libcuda.so.1", 0x0003, "/lib/i386-linux-gnu/libcuda.so.1"},
    {"libcuda.so.1", kCacheAarch64, "/lib/aarch64-linux-gnu/libcuda.so.1"},
    {"libcuda.so.1", kCacheX86_64, "/usr/local/cuda/compat/libcuda.so.1"},
    {"libcuda.so.1", kCacheX86_64, "/lib/x86_64-linux-gnu/libcuda.so.1"},
    {"libcuda.so", kCacheX86_64, "/lib/x86_64-linux-gnu/libcuda.so"},
    {"libcuda.so.1", kCacheX86_64, "relative/libcuda.so.1"}};

TEST_CASE("all formats give the paths of one machine in their order") {
  for (const CacheFormat format : {CacheFormat::kNew, CacheFormat::kOldAndNew, CacheFormat::kOld}) {
    INFO(static_cast<int>(format));
    const std::string cache = make_cache(kLines, format);
    CHECK(cached_paths(cache, "libcuda.so.1", kCacheX86_64) ==
          std::vector<std::string>{"/usr/local/cuda/compat/libcuda.so.1",
                                   "/lib/x86_64-linux-gnu/libcuda.so.1"});
    CHECK(cached_paths(cache, "libcuda.so.1", kCacheAarch64) ==
          std::vector<std::string>{"/lib/aarch64-linux-gnu/libcuda.so.1"});
    CHECK(cached_paths(cache, "libcuda.so.2", kCacheX86_64).empty());
  }
}

TEST_CASE("a truncated cache never gives a path that was not in it") {
  for (const CacheFormat format : {CacheFormat::kNew, CacheFormat::kOldAndNew, CacheFormat::kOld}) {
    const std::string cache = make_cache(kLines, format);
    for (size_t size = 0; size < cache.size(); ++size) {
      // A copy of its own size, so that the address sanitizer sees a read behind its end.
      const std::vector<char> part(cache.begin(), cache.begin() + static_cast<long>(size));
      for (const std::string& path :
           cached_paths({part.data(), part.size()}, "libcuda.so.1", kCacheX86_64)) {
        CHECK((path == kLines[3].path || path == kLines[4].path));
      }
    }
  }
}

TEST_CASE("numbers that lead nowhere are passed over") {
  for (const CacheFormat format : {CacheFormat::kNew, CacheFormat::kOldAndNew, CacheFormat::kOld}) {
    const std::string cache = make_cache(kLines, format);
    for (const uint32_t number : {0u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0x15555556u}) {
      for (size_t at = 12; at + 4 <= cache.size(); at += 4) {
        std::vector<char> bytes(cache.begin(), cache.end());
        std::memcpy(bytes.data() + at, &number, 4);
        CHECK(cached_paths({bytes.data(), bytes.size()}, "libcuda.so.1", kCacheX86_64).size() <= 3);
      }
    }
  }
}

TEST_CASE("this machine's own cache names its libc") {
  std::ifstream in("/etc/ld.so.cache", std::ios::binary);
  if (!in) {
    WARN("skipped: no /etc/ld.so.cache");
    return;
  }
  const std::string cache{std::istreambuf_iterator<char>(in), {}};
#if defined(__aarch64__)
  constexpr int32_t kFlags = kCacheAarch64;
#else
  constexpr int32_t kFlags = kCacheX86_64;
#endif
  CHECK(!cached_paths(cache, "libc.so.6", kFlags).empty());
}

}  // namespace
}  // namespace eb
