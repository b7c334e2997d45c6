#pragma once

#include <memory>
#include <string>

#include "runtime/metrics/json_log.hpp"
#include "runtime/metrics/options.hpp"
#include "runtime/metrics/page.hpp"

namespace eb::metrics {

/// The samplers and what they know: makes pages. Any thread.
class Exporter {
 public:
  /// `log` outlives it: it is told when NVML or a GPU stops answering and when it is back.
  Exporter(const Options& options, std::shared_ptr<JsonLog> log);

  std::string page() const;
  /// Waits for the first sample of every source, at most a second: what hangs must not keep the
  /// exporter from serving.
  void wait_until_begun() const;
  /// Waits until every source has given a sample, GPUs two of them (ratios over time need two),
  /// but no longer than the time after which a source counts as hanging.
  void wait_until_complete() const;
  const PageFacts& facts() const { return facts_; }

 private:
  PageFacts facts_;
  std::shared_ptr<JsonLog> log_;
  Sampler<GpuSample> gpus_;
  Sampler<HostSample> host_;
  Sampler<FileSample> files_;
};

}  // namespace eb::metrics
