#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eb::test {

struct CacheLine {
  std::string soname;
  int32_t flags = 0;
  std::string path;
};

enum class CacheFormat { kNew, kOldAndNew, kOld };

/// The bytes of an ld.so.cache.
std::string make_cache(const std::vector<CacheLine>& lines, CacheFormat format);

}  // namespace eb::test
