#pragma once

#include <cstdint>
#include <string>

namespace eb {

/// A size for people, in powers of 1000: "812 bytes", "64.0 kB", "6.4 GB".
std::string size_text(uint64_t bytes);

/// "1 file", "31,245 files".
std::string count_text(uint64_t count, const char* singular, const char* plural);

}  // namespace eb
