#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/gpu_check.hpp"
#include "installer/install/install.hpp"

namespace eb {

/// What --dry-run prints.
void print_plan(const InstallPlan& plan, const OpenedBundle& opened, const GpuOutlook& outlook,
                const OutputOptions& output, const std::vector<std::string>& warnings,
                std::ostream& out);

/// All that is known when an install is done.
struct FinishedInstall {
  const InstallReport& report;
  const OpenedBundle& opened;
  const GpuOutlook& outlook;
  const std::optional<CheckReport>& check;  ///< nullopt: none was made
};

void print_report(const FinishedInstall& done, GpuCheckMode mode, const OutputOptions& output,
                  const std::vector<std::string>& warnings, std::ostream& out);

}  // namespace eb
