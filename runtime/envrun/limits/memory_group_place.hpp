#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"

namespace eb {

/// The control group that this process's memory is charged to.
struct MemoryGroupPlace {
  int version = 0;          ///< 1 or 2; 0 = none: no cgroup file system, or without memory
  std::string path;         ///< its folder, below the mount: /sys/fs/cgroup/user.slice/…
  std::string mount_point;  ///< /sys/fs/cgroup, /sys/fs/cgroup/memory
  /// The least limit of it and of the groups around it, bytes; nullopt = none.
  std::optional<uint64_t> limit;
};

MemoryGroupPlace own_memory_group(const HostFiles& files);

/// Where a group of our own may be made, or why not.
struct GroupSite {
  std::string parent = {};  ///< folder to make it in; empty = nowhere
  int version = 0;
  /// Version 2: `parent` has to hand the memory controller on first, and this process, the only one
  /// in it, to step aside (cgroups(7), "no internal processes").
  bool must_step_aside = false;
  std::string why_none = {};
};

/// `in_slurm_job`: only below the own group, so that Slurm's limits and accounting still hold. The
/// neighbour of the own group is a site only where the own group has no limit that a process would
/// get rid of that way.
GroupSite find_group_site(const HostFiles& files, const MemoryGroupPlace& own, bool in_slurm_job);

/// The number in a one-line file of a group; nullopt for "max" and where there is none.
std::optional<uint64_t> group_number(const HostFiles& files, const std::string& path);
/// The number behind `key` in a file of "KEY NUMBER" lines.
std::optional<uint64_t> group_counter(const HostFiles& files, const std::string& path,
                                      const std::string& key);
/// The words of a one-line file hold `word`.
bool group_file_has(const HostFiles& files, const std::string& path, const std::string& word);

}  // namespace eb
