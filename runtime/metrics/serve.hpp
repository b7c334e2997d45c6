#pragma once

#include <memory>

#include "runtime/metrics/exporter.hpp"

namespace eb::metrics {

/// Serves pages and writes the textfile, as the options say, until SIGTERM, SIGINT or SIGHUP.
/// Throws Error when it cannot begin; later trouble with the textfile goes to the log and is tried
/// again.
void serve(const Options& options, const Exporter& exporter, JsonLog& log);

}  // namespace eb::metrics
