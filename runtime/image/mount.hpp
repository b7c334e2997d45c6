#pragma once

#include <string>
#include <vector>

#include "installer/base/file.hpp"

namespace eb::image {

// How an image becomes a folder. Which ways there are depends on the node; they are tried in this
// order.
enum class Way {
  kDirect,      ///< mount(2) by root
  kFusermount,  ///< the node's fusermount3 or fusermount, which is setuid
  kNamespace,   ///< in a user namespace (Linux 4.18): seen only by who joins it
};
const char* way_name(Way way);

/// A mount's state as this process sees it.
enum class MountState {
  kNone,   ///< an ordinary folder
  kLive,   ///< FUSE, and somebody answers
  kStale,  ///< FUSE, and whoever served it is gone
};
/// Looks at `point`; a live one is held by the returned descriptor: it cannot be unmounted.
MountState look_at_mount(const std::string& point, Fd* hold);

/// Mounts FUSE on `point`, read only, without setuid and devices; returns the descriptor to serve
/// it by. kNamespace moves this process into the namespace, which must have one thread. Throws
/// Error.
Fd mount_fuse(Way way, const std::string& point);

/// Unmounts what nobody uses; false where somebody does (or it cannot be done). `lazily` takes it
/// out of sight in any case: for a stale one.
bool unmount(Way way, const std::string& point, bool lazily);
/// A stale mount, whichever way it was made.
void drop_stale_mount(const std::string& point);

}  // namespace eb::image
