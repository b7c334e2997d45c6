#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/check/check_environment.hpp"
#include "installer/check/check_records.hpp"
#include "installer/check/isolation.hpp"
#include "installer/check/remedies.hpp"

namespace eb {

enum class CheckState {
  kPassed,       ///< steps ran on a GPU, and nothing failed
  kFailed,       ///< a step failed, crashed or hung, or a library came from elsewhere
  kNotTestable,  ///< what can run without a GPU passed; no GPU could be used here
  kSkipped,      ///< not wanted
};
/// "passed", "failed", "not-testable", "skipped".
const char* check_state_name(CheckState state);

struct ReportedStep {
  std::string program;  ///< "gpucheck" or "torch"
  CheckStep step;
  std::optional<Diagnosis> diagnosis;  ///< failed, crashed, timed out
};

/// One of the release's check programs and how it ended.
struct ProgramRun {
  std::string name;
  std::string path;
  double seconds = 0;
  std::optional<int> exit_code;
  int signal = 0;
  bool abandoned = false;
  size_t rubbish = 0;      ///< lines that were not understood
  std::string error_tail;  ///< the end of its standard error, raw bytes
  /// What is wrong with the program as a whole and with no step: not started, died between steps.
  std::optional<Diagnosis> problem;
};

/// What was tested, where, when and with which driver. A value: it can be shown as text
/// (report_text) or as JSON (report_json), and holds no secret but what paths and host names tell.
struct CheckReport {
  CheckState state = CheckState::kSkipped;
  std::vector<std::string> reasons;  ///< why it is in this state, one line each

  std::string prefix;
  std::string release;
  std::string activation;  ///< whether `current` leads to it, and what would change that
  std::string bundle_id;
  std::string host;
  std::string kernel;
  std::string when;       ///< UTC, "2026-03-04T05:06:07Z"
  std::string installer;  ///< version
  std::string driver;     ///< one line
  std::string verdict_kind;
  std::string verdict_text;

  std::vector<CheckGpu> gpus;
  std::vector<ReportedStep> steps;
  std::vector<ProgramRun> programs;
  Isolation isolation;
  std::vector<HostileVariable> hostile;
};

/// The report for people: plain ASCII (other characters as \xNN), at most 100 columns wide but
/// where a single word is longer, ends with a newline.
std::string report_text(const CheckReport& report);

}  // namespace eb
