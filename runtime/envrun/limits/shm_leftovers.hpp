#pragma once

#include <ctime>
#include <set>
#include <string>
#include <vector>

#include "runtime/envrun/core/world.hpp"

namespace eb {

/// Files that NCCL, PyTorch and Python's multiprocessing leave in /dev/shm when a process of theirs
/// is killed; they are memory that nobody frees.
class ShmLeftovers {
 public:
  /// Notes what is there before the program starts.
  explicit ShmLeftovers(World& world);

  /// Removes what is safe to remove: of this user, named as those libraries name theirs, made
  /// since, and not open in or mapped by any process. Removes nothing when a process of this user
  /// cannot be looked at. Returns the names. Another job of the same user keeps its files open or
  /// mapped, so that they stay.
  std::vector<std::string> remove() const;

 private:
  World* world_;
  std::set<std::string> before_;
};

/// nccl-…, torch_…, sem.mp-…: made by a library, under a name that nobody else comes back for.
bool is_library_shm(const std::string& name);

}  // namespace eb
