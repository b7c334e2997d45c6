#pragma once

#include <cstdint>
#include <string_view>

#include "installer/driver/host_files.hpp"

namespace eb {

/// A field of /proc/meminfo ("MemTotal"), bytes; 0 when it is not told.
uint64_t machine_memory(const HostFiles& files, std::string_view field = "MemTotal");

}  // namespace eb
