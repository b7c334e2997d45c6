#pragma once

#include <cstdint>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/reuse.hpp"
#include "installer/install/stage.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

struct UnpackOptions {
  unsigned jobs = 1;
  ModeBehaviour modes;
  bool sync_files = false;  ///< fsync each file before it is closed
  /// Large files are written past the page cache (Durability::past_cache).
  bool past_cache = false;
  /// Where files may be there already, best first. Frames that hold nothing else are not read.
  std::vector<const ReusableFiles*> reuse = {};
};

/// What was not unpacked because it was there.
struct Reused {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

/// Unpacks the whole bundle into a stage: directories, files that are there already, the other
/// files by all workers, then symlinks. Modes are 0755 and 0644 whatever the umask. Throws Error;
/// the stage is then incomplete.
Reused unpack(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, const Stage& stage,
              const UnpackOptions& options, EventSink& events, const StopFlag& stop);

}  // namespace eb
