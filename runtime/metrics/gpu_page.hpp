#pragma once

#include "runtime/metrics/exposition.hpp"
#include "runtime/metrics/page.hpp"

namespace eb::metrics {

/// Adds the GPUs' families. While NVML does not answer, or hangs, only envbundle_nvml_* is there.
void add_gpus(Exposition& page, const PageFacts& facts, const PageSources& sources);

}  // namespace eb::metrics
