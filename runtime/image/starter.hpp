#pragma once

#include <string>

#include "runtime/image/mount.hpp"
#include "runtime/image/place.hpp"

namespace eb::image {

/// Where on this node the tree of a release can be reached.
struct Root {
  std::string path;
  Fd hold;  ///< of a mount: as long as it is open, the mount stays
};

/// Uses the mount that is there, or makes one: by any number of processes at once there will be one
/// mount. Of a mount in a namespace this process becomes a member. An empty path, and the reasons
/// in `why`, where this node has no way to mount.
Root reach_mount(const Place& place, std::string* why);

/// Unmounts what reach_mount() made, unless somebody uses it. Returns whether it is gone.
bool release_mount(const Place& place);

}  // namespace eb::image
