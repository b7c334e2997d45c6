#pragma once

#include <string>
#include <vector>

#include "runtime/envrun/core/world.hpp"

namespace eb {

/// Makes `path` and what is missing above it, 0700 each. Throws Error when that fails, or when what
/// is there is no directory of the caller's or others may write to it.
void make_private_directory(World& world, const std::string& path);

/// Node-local places for files that live as long as a process, best first: $XDG_RUNTIME_DIR, then
/// `envbundle-UID` in $SLURM_TMPDIR, $TMPDIR and /tmp. Slurm nodes often name an XDG_RUNTIME_DIR
/// that was never made, because pam_systemd and pam_slurm_adopt exclude each other (HPC.md §8).
std::vector<std::string> runtime_directory_candidates(const World& world);

/// The first candidate that is, or can be made, a directory that nobody else can look into: mode
/// 0700, the caller's, no symlink, in a parent where others cannot replace it. Throws
/// Error(kPermission) that says what is wrong with each.
std::string find_runtime_directory(World& world);

/// A new directory of that kind for one process.
class ScratchDirectory {
 public:
  /// `purpose` starts its name. Throws Error.
  ScratchDirectory(World& world, const std::string& purpose);
  /// Removes it with all it holds; what cannot be removed stays.
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace eb
