#include "runtime/envrun/limits/machine_memory.hpp"

namespace eb {

uint64_t machine_memory(const HostFiles& files, std::string_view field) {
  for (const std::string& line : text_lines(files.read("/proc/meminfo").value_or(""))) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || std::string_view(line).substr(0, colon) != field) continue;
    const std::string value = trimmed_text(line.substr(colon + 1));
    return number_of(value.substr(0, value.find(' '))).value_or(0) * 1024;
  }
  return 0;
}

}  // namespace eb
