#pragma once

#include <string>

#include "installer/base/events.hpp"
#include "installer/base/sys.hpp"
#include "installer/format/verified_bundle.hpp"
#include "installer/install/stop_flag.hpp"

namespace eb {

/// A release that is there is used as it is only when nothing of it is missing or of another size:
/// else Error(kDigestMismatch). `root` is the prefix, `path` its name for people. Changes nothing.
void require_intact(Sys& sys, int root, const std::string& path, const std::string& release,
                    const VerifiedBundle& bundle, unsigned jobs, EventSink& events,
                    const StopFlag& stop);

}  // namespace eb
