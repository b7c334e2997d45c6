#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace eb {

/// What mounting a private /dev/shm needs, ready to be used between fork and exec.
///
/// A mount namespace, and for everyone but root a user namespace around it, that maps the user and
/// the group to themselves: files look as before. What is lost in it: set-uid programs (sudo, ping)
/// gain nothing, supplementary groups show as nogroup but still count, segments that others hold in
/// /dev/shm are not seen.
struct PrivateShm {
  std::array<char, 64> options{};  ///< of the tmpfs: "size=…,mode=1777"
  std::array<char, 64> uid_map{};
  std::array<char, 64> gid_map{};
  bool is_root = false;
};

PrivateShm private_shm(uint64_t bytes, uid_t uid, gid_t gid);

/// Moves the calling process, which must have one thread, into namespaces with a tmpfs of that size
/// on /dev/shm. 0 or an errno. Async-signal-safe.
int enter_private_shm(const PrivateShm& shm);

/// The same in a child process that ends at once.
int try_private_shm(const PrivateShm& shm);

}  // namespace eb
