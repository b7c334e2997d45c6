#pragma once

#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/install/host.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/release_use.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/uninstall.hpp"

namespace eb {

struct GcOptions {
  unsigned keep = 2;  ///< releases, the active one among them; at least 1
  int64_t older_than_seconds = int64_t{7} * 86400;  ///< since a release was last the active one
  bool dry_run = false;
  unsigned wait_seconds = 600;
};

/// What is to become of one release.
struct GcVerdict {
  std::string release;
  bool goes = false;
  std::string why;  ///< "it is the active one", "in use: …", "was last active 12 days ago"
};

struct GcReport {
  std::string prefix;
  std::vector<GcVerdict> verdicts;  ///< the most recently active release first
  std::vector<RemovedRelease> removed;
  uint64_t unreadable_processes = 0;
  uint64_t leases_over = 0;  ///< leases that were removed, because their process is gone
};

/// Removes releases that nobody needs: not the active one, not one of the `keep` that were active
/// last, not one that was active within `older_than_seconds`, and not one that a process of this
/// machine or a lease uses (FAULTS F134). Each is looked at again right before it goes.
GcReport collect_garbage(Sys& sys, const std::string& prefix, const GcOptions& options,
                         const Host& host, EventSink& events, const StopFlag& stop);

/// What collect_garbage() would say of each release now.
std::vector<GcVerdict> judge_releases(Sys& sys, const PrefixView& view, const UseReport& use,
                                      const GcOptions& options, const Host& host);

}  // namespace eb
