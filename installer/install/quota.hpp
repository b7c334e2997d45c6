#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "installer/base/sys.hpp"
#include "installer/install/host.hpp"

namespace eb {

/// How much more a user, or the group that files will belong to, may put on a file system.
struct QuotaLeft {
  std::string whose;  ///< "user 1000", "group 100"
  std::optional<uint64_t> inodes;
  std::optional<uint64_t> bytes;
};

/// The tighter of the user's and the group's quota in files, as far as the kernel tells it
/// (quotactl_fd, Linux 5.14: ext4, XFS, btrfs and others; NFS, Lustre and GPFS have programs of
/// their own instead); nullopt where there is none, or nobody says. `dir` is open in the file
/// system, its group is that of new files where it has a setgid bit.
std::optional<QuotaLeft> read_quota(Sys& sys, int dir, const Host& host);

}  // namespace eb
