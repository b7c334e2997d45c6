#pragma once

#include <functional>
#include <string>
#include <vector>

#include "installer/base/events.hpp"
#include "installer/base/sys.hpp"
#include "installer/check/check_report.hpp"
#include "installer/check/child_process.hpp"

namespace eb {

/// Where a release keeps its check programs, and the Python that runs the second one.
inline constexpr char kGpuCheckPath[] = "libexec/envbundle/gpucheck";
inline constexpr char kTorchCheckPath[] = "libexec/envbundle/torch_check.py";
inline constexpr char kPythonPath[] = "bin/python";

/// How long a step may take. The programs state a limit for each step; a person may stretch it, and
/// nothing may wait longer than the cap.
struct StepLimit {
  double scale = 1;          ///< all limits times this
  double cap_seconds = 900;  ///< of a step, of the time before the first and between two
};

struct CheckRequest {
  std::string release_dir;  ///< the release, absolute; may lead through symlinks
  /// Goes into the report as it is: prefix, release, bundle_id, host, kernel, when, installer,
  /// driver, verdict_kind, verdict_text. The rest of it is ignored.
  CheckReport about;
  /// For the remedies. `cuda` not empty = the release must have a GPU check. `gpu_capability` and
  /// `visible_devices` are filled in from what is found where they are empty.
  RemedyFacts facts;
  std::vector<std::string> environment;  ///< the caller's, "NAME=VALUE"
  StepLimit limit;
  ChildBounds bounds;             ///< first_limit is set from `limit`
  std::function<bool()> stopped;  ///< may be empty; see run_child
};

/// Runs the release's GPU check, and its PyTorch check where the release has torch, as child
/// processes, and judges what they say. Takes as long as the steps, bounded by their limits, and
/// always returns: a hung driver costs its step's limit and a few seconds. A failure is an answer,
/// not an exception; Error is thrown only where not even a pipe can be made. Once `stopped` said so
/// the report is not-testable, and the caller looks at its own flag.
CheckReport run_check(Sys& sys, const CheckRequest& request, EventSink& events);

/// The report of a check that nobody wanted.
CheckReport skipped_report(CheckReport about, std::string reason);

/// Decides `state` and `reasons` from steps, programs, GPUs and isolation. Pure.
void judge_report(CheckReport& report);

}  // namespace eb
