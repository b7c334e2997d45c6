#pragma once

#include <optional>
#include <string>

#include "installer/install/bundle_source.hpp"
#include "installer/install/host.hpp"
#include "installer/install/install_plan.hpp"
#include "installer/install/stop_flag.hpp"
#include "installer/install/trust_store.hpp"
#include "installer/install/unpack.hpp"

namespace eb {

struct InstallReport {
  InstallAction action = InstallAction::kInstall;  ///< what was done in the end
  std::string release;
  std::string id;
  std::string prefix;                   ///< absolute
  std::optional<std::string> previous;  ///< what was current before
  IndexTotals totals;
  ReleaseForm form = ReleaseForm::kTree;
  uint64_t held_files = 0;   ///< what the release has as files, folders and links
  uint64_t image_bytes = 0;  ///< size of the image; 0 in tree form, and where none was made
  FormAdvice advice;
  Reused reused;  ///< shared with the release before, or kept of a run that was killed
  double seconds = 0;
  Durability durability;
};

/// Carries a plan out (FAULTS §4). `plan` is consumed. On any error or stop request: what was
/// staged is removed, the releases that were there stay as they are, `current` names what it named
/// – the Error's last hint says so, and what to expect. Runs of several processes on one prefix
/// converge.
InstallReport install(Sys& sys, BundleSource& source, const VerifiedBundle& bundle,
                      InstallPlan plan, const TrustStore& trust, const Host& host,
                      const InstallOptions& options, EventSink& events, const StopFlag& stop);

}  // namespace eb
