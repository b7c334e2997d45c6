#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace eb::image {

/// squashfuse behind libfuse: answers the kernel's requests on an open FUSE descriptor with as many
/// threads as are needed. squashfuse's structures are for one thread; names and attributes are
/// answered under a lock, file contents (where the time goes: decompression) with a reader of each
/// thread's own.
class SquashSession {
 public:
  /// Opens the image. Throws Error.
  explicit SquashSession(const std::string& image);
  ~SquashSession();
  SquashSession(const SquashSession&) = delete;
  SquashSession& operator=(const SquashSession&) = delete;

  /// Takes the descriptor over. Throws Error.
  void attach(int fuse_fd);
  /// Until the kernel ends it: the mount is gone.
  void run();

  /// Counts every request.
  static std::atomic<uint64_t>& requests();
};

}  // namespace eb::image
