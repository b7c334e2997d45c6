#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/base/sys.hpp"
#include "installer/format/index.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

enum class DifferenceKind { kMissing, kChanged, kAdded };

struct Difference {
  DifferenceKind kind;
  std::string path;
  std::string detail;  ///< what is different, as words; empty for kAdded
};

struct ReleaseCheck {
  std::vector<Difference> differences;  ///< sorted by path
  uint64_t files = 0;                   ///< looked at
  uint64_t bytes = 0;                   ///< read and hashed
  uint64_t generated = 0;               ///< bytecode that Python wrote; no difference
};

struct ReleaseCheckOptions {
  bool contents = false;  ///< hash every file instead of comparing its size
  bool added = true;      ///< look for what the index does not name
  unsigned jobs = 1;
};

/// Compares the directory `release` with the index: types, sizes, modes, link targets. A file that
/// cannot be read counts as changed; Error only where the release itself cannot be opened or a stop
/// is requested. Sends one phase to `events` when contents are read.
ReleaseCheck check_release(Sys& sys, int release, const std::string& where, const Index& index,
                           const ReleaseCheckOptions& options, EventSink& events,
                           const StopFlag& stop);

/// Index of the release in `dir`/`name`, as installed; `*id` is its SHA-256 in hexadecimal. Throws
/// Error(kDigestMismatch) when it is not the index that the folder is named for, kMalformed when it
/// cannot be parsed.
Index read_release_index(Sys& sys, int dir, const std::string& name, const std::string& where,
                         std::string* id);

}  // namespace eb
