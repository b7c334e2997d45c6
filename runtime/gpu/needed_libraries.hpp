#pragma once

#include <string>
#include <vector>

namespace eb::gpu {

/// The sonames that a 64-bit ELF file of this machine asks the loader for (DT_NEEDED), in its
/// order. Empty when the file is not of that kind or is damaged: dlopen has the words for that.
std::vector<std::string> needed_libraries(const std::string& path);

/// `paths` so that each file comes after those of them that it needs; otherwise their order stays.
std::vector<std::string> in_order_of_need(std::vector<std::string> paths);

}  // namespace eb::gpu
