#pragma once

#include <string>

#include "runtime/image/place.hpp"

namespace eb::image {

/// The release as a tree on this node: the one that is there, or one that is unpacked now, once by
/// any number of processes, each file compared with the signed index. In the first of
/// $SLURM_TMPDIR, $TMPDIR, /local, /scratch/local, /dev/shm, /tmp that has the space and lets
/// programs be started. An empty text, and the reasons in `why`, where there is none.
std::string reach_local_tree(const Place& place, std::string* why);

}  // namespace eb::image
