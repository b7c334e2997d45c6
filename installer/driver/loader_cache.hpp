#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

inline constexpr int32_t kCacheX86_64 = 0x0303;   ///< FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
inline constexpr int32_t kCacheAarch64 = 0x0a03;  ///< FLAG_AARCH64_LIB64 | FLAG_ELF_LIBC6

/// Paths that /etc/ld.so.cache has for `soname` and the machine of `flags`, in the file's order.
/// Both formats (glibc's dl-cache.h): the new one alone or behind the old one, and the old one
/// alone. Nothing outside `cache` is read; a damaged file gives what could be read of it.
std::vector<std::string> cached_paths(std::string_view cache, std::string_view soname,
                                      int32_t flags);

}  // namespace eb
