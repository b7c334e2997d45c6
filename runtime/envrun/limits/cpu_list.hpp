#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

/// Numbers of CPUs, ascending, each once: the kernel's list format (cpuset(7)), "0-3,8".
using CpuList = std::vector<unsigned>;

/// nullopt when it is no list, or names a CPU from 8192 on. An empty text is an empty list.
std::optional<CpuList> parse_cpu_list(std::string_view text);
std::string cpu_list_text(const CpuList& cpus);

/// What --cpus asks for: a number of CPUs, or certain ones.
struct CpuRequest {
  unsigned count = 0;  ///< 0: `cpus` names them
  CpuList cpus = {};
};

/// "4", or a list with a "-" or "," ("0-3", "8,", "0-1,16-17"). Throws Error(kUsage).
CpuRequest parse_cpu_request(const std::string& text);

}  // namespace eb
