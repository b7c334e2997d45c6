#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/trash.hpp"

namespace eb {

struct UninstallOptions {
  std::optional<std::string> release = {};  ///< nullopt: the only one there is
  bool all = false;
  unsigned wait_seconds = 600;
};

struct RemovedRelease {
  std::string release;
  TrashResult result;
};

struct UninstallReport {
  std::string prefix;
  std::vector<RemovedRelease> removed;
  bool prefix_is_empty = false;  ///< nothing of envinstall's is left in it
};

/// Removes one release, or all. The active one goes only as the last one or with all: what people
/// use must not vanish by a slip. Each release leaves by one rename, so that it is never half
/// there. Throws Error(kUsage) for a release that is not there or may not go.
UninstallReport uninstall(Sys& sys, PrefixView view, const UninstallOptions& options,
                          const Host& host, EventSink& events, const StopFlag& stop);

}  // namespace eb
