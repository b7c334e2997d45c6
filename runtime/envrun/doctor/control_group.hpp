#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "installer/driver/host_files.hpp"

namespace eb {

/// What the control groups above this process allow: of every limit the lowest on the way up,
/// version 2 and version 1 alike.
struct ControlGroup {
  std::optional<uint64_t> memory_limit;  ///< bytes
  std::optional<uint64_t> memory_used;   ///< bytes, of the group with that limit
  std::string memory_from;               ///< the group's path
  std::optional<uint64_t> pids_limit;
  std::optional<uint64_t> pids_used;
  std::optional<double> cpu_quota;  ///< CPUs' worth of time
};

ControlGroup read_control_group(const HostFiles& files);

}  // namespace eb
