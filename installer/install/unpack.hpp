#pragma once

#include "installer/base/events.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/bundle_source.hpp"
#include "installer/install/stage.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

struct UnpackOptions {
  unsigned jobs = 1;
  ModeBehaviour modes;
  bool sync_files = false;  ///< fsync each file before it is closed
};

/// Unpacks the whole bundle into a stage: directories, then files by all workers, then symlinks.
/// Modes are 0755 and 0644 whatever the umask. Throws Error; the stage is then incomplete.
void unpack(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, const Stage& stage,
            const UnpackOptions& options, EventSink& events, const StopFlag& stop);

}  // namespace eb
