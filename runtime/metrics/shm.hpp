#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace eb::metrics {

/// /dev/shm, through which data loaders and NCCL pass data: it is full before memory is.
struct ShmSample {
  uint64_t size_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t own_bytes = 0;  ///< in files of this user, directly in it
  uint64_t own_files = 0;
};

/// nullopt when `folder` is not there.
std::optional<ShmSample> read_shm(const std::string& folder, unsigned uid);

}  // namespace eb::metrics
