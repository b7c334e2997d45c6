#pragma once

#include <string>

#include "installer/check/check_report.hpp"
#include "installer/check/run_check.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/gpu_outlook.hpp"
#include "installer/install/host.hpp"

namespace eb {

/// --gpu-check: whether the smoke test runs, and what it means when it cannot.
enum class GpuCheckMode {
  kAuto,     ///< where a GPU can be used; elsewhere nothing is claimed and nothing fails
  kRequire,  ///< no GPU to test on is a failure
  kSkip,     ///< not at all: a driver that does not fit stops nothing either
};

struct GpuCheckOptions {
  GpuCheckMode mode = GpuCheckMode::kAuto;
  StepLimit limit;
  void add_to(CLI::App& app);
};

/// The release that is to be checked.
struct CheckedRelease {
  std::string prefix;   ///< absolute
  std::string release;  ///< its name
  std::string id;       ///< the bundle's
  std::string folder;   ///< absolute
  bool is_active = false;
  bool is_install = false;  ///< an install waits for the result
  int state_dir = -1;       ///< the prefix's .envinstall, open
};

/// Before anything is unpacked: Error(kDriver) when the verdict says that the bundle cannot use
/// this machine's GPU, or when kRequire finds none to test on. kSkip never throws.
void require_fit(const GpuOutlook& outlook, GpuCheckMode mode);

/// Runs the release's check programs and keeps the report in the prefix; where it may not be
/// written, a warning says so.
CheckReport check_release_gpu(const CheckedRelease& checked, const GpuOutlook& outlook,
                              const GpuCheckOptions& options, const Host& host,
                              const Environment& environment, EventSink& events);

/// Throws Error(kSmokeTest) for a report that failed, or that proves nothing although kRequire
/// wants proof: first failure, its cause and what to do.
void require_passed(const CheckReport& report, GpuCheckMode mode);

/// One line: "passed: 16 steps on 2 GPUs, 1 skipped".
std::string check_line(const CheckReport& report);

}  // namespace eb
