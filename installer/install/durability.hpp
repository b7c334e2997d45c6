#pragma once

#include <string>
#include <vector>

#include "installer/base/sys.hpp"
#include "installer/format/index.hpp"
#include "installer/install/host.hpp"

namespace eb {

/// What a file system can be believed to do when asked to keep data (FAULTS §6).
struct Durability {
  std::string file_system;  ///< "ext4", "NFS", "Lustre", …
  bool by_syncfs = false;   ///< one syncfs() tells all errors; else every file is synced by itself
  std::string promise;      ///< for the report
  bool is_server = false;   ///< known to be on a server, so the same for several machines
  /// Writes that go past the page cache (O_DIRECT) are quicker: known of ext4 and XFS.
  bool past_cache = false;
  bool is_memory = false;  ///< takes memory of the machine, and of the job
};

/// Judged by the magic number of statfs and, because syncfs tells errors only since Linux 5.8, by
/// the kernel.
Durability judge_durability(uint64_t statfs_type, const Host& host);

/// Makes a staged release durable. `files_synced`: every file of the index was fsynced when it was
/// written. `bundle_files`: what was written to .bundle, by name.
/// Throws Error; nothing is tried twice, because a second fsync of the same file may lie (F118).
void make_durable(Sys& sys, int stage, const Index& index, const Durability& durability,
                  bool files_synced, const std::vector<std::string>& bundle_files, unsigned jobs,
                  const std::string& where);

}  // namespace eb
