#pragma once

#include <functional>
#include <string>
#include <vector>

#include "installer/install/preflight.hpp"

namespace eb {

/// A folder that is on a disk of this machine alone, as far as sites agree on names.
struct DiskCandidate {
  std::string name;  ///< what a person knows it by: "$TMPDIR", "/local"
  std::string path;  ///< absolute
};

/// In the order in which they are tried: what the scheduler made for the job ($SLURM_TMPDIR,
/// $LOCAL_SCRATCH, $TMPDIR), usual names of disks, /tmp, and last /dev/shm, because what lies there
/// counts as memory of the job (HPC.md §5). Variables that are not set or hold no absolute path
/// give none.
std::vector<DiskCandidate> disk_candidates(const std::function<std::string(const char*)>& variable);

/// Bytes of memory that the Slurm job of these variables may use on this node; 0 = not known.
uint64_t job_memory(const std::function<std::string(const char*)>& variable);

/// Why `path` cannot take what `bundle` holds: it is no folder, may not be written, is mounted
/// noexec or read-only, is on a server, or lacks room – also where it is memory and would take more
/// than half of `memory_limit` bytes (0 = no limit). Empty when it can. Writes nothing.
std::string refuse_disk(Sys& sys, const std::string& path, const VerifiedBundle& bundle,
                        uint64_t memory_limit, const Host& host);

}  // namespace eb
