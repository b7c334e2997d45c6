#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eb::gpu {

/// True for file names of the GPU stack and of the C and C++ runtimes: what must come from the
/// release, but for the driver's own.
bool is_watched_library(std::string_view name);

/// Paths of the files in a text of the form of /proc/PID/maps whose names are watched; each once,
/// in the order of their first appearance.
std::vector<std::string> watched_paths(std::string_view maps);

/// The whole of a file of /proc; empty when it cannot be read.
std::string read_proc(const char* path);

}  // namespace eb::gpu
