#pragma once

#include <string>

#include "runtime/envrun/core/world.hpp"

namespace eb {

struct Captured {
  int code = 0;       ///< as World::run
  std::string out;    ///< stdout, at most kCaptureLimit bytes
  std::string error;  ///< stderr, at most kCaptureLimit bytes
};

inline constexpr size_t kCaptureLimit = 1 << 20;

/// Runs the program to its end with stdin from /dev/null and both outputs in memory. Throws Error
/// when that memory cannot be had.
Captured run_captured(World& world, Program program);

}  // namespace eb
