#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/core/place.hpp"
#include "runtime/envrun/core/world.hpp"

namespace eb {

/// What was asked for before the sub-command's name, as text; empty = not asked for. The room
/// `limits` gives it meaning.
struct LimitOptions {
  std::string gpus;      ///< --gpus: all, N, device=0,1, UUIDs, MIG UUIDs
  std::string memory;    ///< --memory: bytes such as 32g
  std::string shm_size;  ///< --shm-size: bytes such as 8g
  std::string cpus;      ///< --cpus: a number of CPUs
  bool any() const {
    return !gpus.empty() || !memory.empty() || !shm_size.empty() || !cpus.empty();
  }
};

/// One run of envrun, as sub-commands get it.
struct Session {
  World& world;
  Place place;
  LimitOptions limits = {};

  /// The environment of a program of the release: the caller's, PATH with the release's bin first,
  /// ENVBUNDLE_PREFIX, PYTHONNOUSERSITE=1, without PYTHONHOME (HPC.md §1). LD_LIBRARY_PATH and
  /// PYTHONPATH are the user's and stay.
  Variables program_variables() const;

  /// `arguments[0]` found in the release's bin, then on PATH; with an empty path when there is no
  /// such program, which start() reports.
  Program program(std::vector<std::string> arguments) const;
};

}  // namespace eb
