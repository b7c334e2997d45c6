#pragma once

#include <string>

#include "runtime/image/mount.hpp"

namespace eb::image {

/// What the process is told that serves one mount: `envimage --serve WAY IMAGE POINT IDLE`, with
/// the descriptor to report to as kReportFd.
struct ServeOrder {
  Way way = Way::kFusermount;
  std::string image;
  std::string point;
  unsigned idle_seconds = 0;
};
inline constexpr int kReportFd = 3;
inline constexpr char kReady[] = "ready ";  ///< and the process's number, and a line's end

/// Mounts the image and serves it until nobody uses the mount any more: the kernel says whether
/// somebody does (EBUSY), asked after `idle_seconds` without a request. SIGTERM makes it ask every
/// second; it never leaves those alone who work with it. Reports kReady and so on, or why it cannot
/// be. Returns the exit status.
int serve(const ServeOrder& order);

}  // namespace eb::image
