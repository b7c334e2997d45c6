#pragma once

#include <cstdint>
#include <string>

#include "installer/driver/host_files.hpp"
#include "runtime/envrun/core/world.hpp"
#include "runtime/envrun/limits/private_shm.hpp"

namespace eb {

/// /dev/shm as it is, and what could be done about it.
struct ShmFacts {
  bool is_there = false;  ///< a folder that this user may write to
  bool is_tmpfs = false;
  uint64_t total = 0;     ///< bytes; UINT64_MAX for a tmpfs without a size
  uint64_t free = 0;      ///< bytes
  bool is_tried = false;  ///< `private_error` says something
  int private_error = 0;  ///< 0: a private one can be mounted, else an errno
  uint64_t machine_bytes = 0;
};

/// Tries to mount a private one (in a child process that ends at once) only where what there is has
/// less than `bytes` free.
ShmFacts read_shm_facts(const World& world, const HostFiles& files, uint64_t bytes,
                        const PrivateShm& shm);

enum class ShmMeans {
  kEnough,   ///< there is that much: nothing to do
  kPrivate,  ///< a tmpfs of that size, seen by this program and its children alone
  kAsItIs,   ///< too little, and nothing can be done: warned of
};

struct ShmPlan {
  ShmMeans means = ShmMeans::kEnough;
  std::string text;     ///< for people
  std::string warning;  ///< kAsItIs
};

/// Pure. Throws Error(kUnsupportedFs) where there is no shared memory at all, or the machine has
/// less memory than that.
ShmPlan plan_shm(uint64_t bytes, const ShmFacts& facts);

}  // namespace eb
