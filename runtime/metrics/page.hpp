#pragma once

#include <optional>
#include <string>

#include "runtime/metrics/cgroup.hpp"
#include "runtime/metrics/gpu_sample.hpp"
#include "runtime/metrics/process_figures.hpp"
#include "runtime/metrics/release_facts.hpp"
#include "runtime/metrics/sampler.hpp"
#include "runtime/metrics/shm.hpp"
#include "runtime/metrics/training_drops.hpp"

namespace eb::metrics {

/// From /proc, /sys and /dev/shm.
struct HostSample {
  ProcessSample processes;
  CgroupMemory cgroup;
  std::optional<ShmSample> shm;
};

/// From file systems that may be far away.
struct FileSample {
  ReleaseFacts release;
  TrainingSample training;
};

/// What holds as long as the exporter runs.
struct PageFacts {
  std::string host;
  std::string version;
  std::string job_id;  ///< Slurm's; empty outside a job
  std::string job_name;
  std::optional<double> job_restarts;
  bool has_dcgm_labels = false;  ///< "modelName" as dcgm-exporter has it, not "model_name"
  double stale_seconds = 10;     ///< a source that takes longer counts as hanging
};

struct PageSources {
  Snapshot<GpuSample> gpus;
  Snapshot<HostSample> host;
  Snapshot<FileSample> files;
  uint64_t log_lines_dropped = 0;
};

/// The whole page for Prometheus. Pure: the same sources give the same text.
std::string render_page(const PageFacts& facts, const PageSources& sources);

}  // namespace eb::metrics
