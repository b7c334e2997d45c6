#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "installer/base/file.hpp"
#include "runtime/envrun/limits/memory_group_place.hpp"

namespace eb {

/// What the kernel has counted in a group since it was made.
struct OutOfMemory {
  uint64_t kills = 0;    ///< processes in the group that the kernel ended for want of memory
  bool by_limit = true;  ///< the group's own limit was reached, not one around it
  std::optional<uint64_t> peak;
};

/// Counters of any memory group, ours or not; zero where they cannot be read. What the limit of a
/// group inside it has ended is that one's affair and counts only with `with_inner`.
OutOfMemory read_out_of_memory(const HostFiles& files, const std::string& group, int version,
                               bool with_inner = false);

/// A control group made for one program, with a limit that the kernel keeps. Removed with this
/// object, with all processes in it.
class MemoryGroup {
 public:
  /// Throws system_error when the kernel refuses; nothing is left then. Swap does not add to the
  /// limit, and where the kernel can (version 2, from Linux 4.19) all of the group ends together.
  MemoryGroup(const HostFiles& files, const GroupSite& site, uint64_t bytes);
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup();

  /// Moves the calling process in; 0 or an errno. Async-signal-safe.
  int enter() const;
  OutOfMemory out_of_memory() const { return read_out_of_memory(*files_, path_, site_.version); }
  const std::string& path() const { return path_; }
  /// The file of its counters, which poll(2) watches with POLLPRI (version 2); -1 else.
  int events_fd() const { return events_.get(); }

 private:
  void write(const std::string& name, const std::string& text) const;
  void divide_parent();
  void remove() noexcept;

  const HostFiles* files_;
  GroupSite site_;
  std::string path_;
  std::string aside_;  // where this process stepped to; empty = nowhere
  Fd processes_;
  Fd events_;
};

/// Ends every process of a group: SIGTERM, up to `grace_ms`, SIGKILL until none is left or 5 s have
/// passed. Returns how many there were at first.
size_t end_group(const HostFiles& files, const std::string& group, unsigned grace_ms);

}  // namespace eb
