#include <cerrno>

#include "runtime/gpu/maps.hpp"
#include "runtime/gpu/steps.hpp"

namespace eb::gpu {

void list_mapped_libraries(Session& session) {
  const std::string maps = read_proc("/proc/self/maps");
  if (maps.empty()) throw Failure{"system", ENOENT, "/proc/self/maps cannot be read"};
  for (const std::string& path : watched_paths(maps)) session.records.write({"map", path});
}

}  // namespace eb::gpu
