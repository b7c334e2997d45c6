#pragma once

#include <string>

#include "installer/cli/environment.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/driver/verdict.hpp"
#include "installer/format/index.hpp"

namespace eb {

/// What a bundle demands, what this machine has, and whether they fit.
struct GpuOutlook {
  GpuDemand demand;
  DriverProbe probe;
  Verdict verdict;
};

/// Looks at the machine of `environment`; loads nothing, changes nothing.
GpuOutlook gpu_outlook(const Index& index, const Environment& environment);

/// "NVIDIA 550.144.03, open kernel module; 2 × NVIDIA H100" and the like, for one line of a report.
std::string driver_line(const DriverProbe& probe);

/// The verdict as a row "driver"; with `details` also all that was seen on the machine.
void add_outlook_rows(ReportTable& table, const GpuOutlook& outlook, bool details);

/// The same for programs: state, reason, summary, driver, GPUs, what to do.
Json outlook_json(const GpuOutlook& outlook);

}  // namespace eb
