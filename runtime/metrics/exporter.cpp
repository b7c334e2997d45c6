#include "runtime/metrics/exporter.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>

#include "runtime/metrics/bounded_file.hpp"
#include "runtime/metrics/gpu_reader.hpp"

namespace eb::metrics {
namespace {

using std::chrono::milliseconds;

/// GPM's counters are renewed every 100 ms.
constexpr milliseconds kOnceInterval{250};

std::string variable(const char* name) {
  const char* const value = getenv(name);
  return value != nullptr ? value : "";
}

std::string host_name() {
  char buffer[256] = "";
  gethostname(buffer, sizeof buffer - 1);
  return buffer;
}

PageFacts facts_of(const Options& options) {
  PageFacts out;
  out.host = host_name();
  out.version = EB_VERSION;
  out.job_id = variable("SLURM_JOB_ID");
  out.job_name = variable("SLURM_JOB_NAME");
  if (!out.job_id.empty()) {
    // Slurm sets it from the first restart on.
    out.job_restarts = leading_number(variable("SLURM_RESTART_COUNT")).value_or(0);
  }
  out.has_dcgm_labels = options.dcgm_labels;
  out.stale_seconds = options.stale_seconds;
  return out;
}

/// Tells the log what changed since the last sample.
class GpuNews {
 public:
  explicit GpuNews(std::shared_ptr<JsonLog> log) : log_(std::move(log)) {}

  void tell(const GpuSample& sample) {
    if (is_first_ || sample.problem != problem_) {
      if (!sample.problem.empty()) {
        log_->warn("nvml_down", {{"reason", sample.problem}, {"detail", sample.problem_detail}});
      } else {
        log_->info("nvml_up", {{"driver", sample.driver_version},
                               {"gpus", std::to_string(sample.gpus.size())}});
      }
    }
    is_first_ = false;
    problem_ = sample.problem;
    for (const Gpu& gpu : sample.gpus) {
      std::string& before = gpu_problems_[gpu.index];
      if (gpu.problem == before) continue;
      const JsonLog::Fields fields = {{"gpu", std::to_string(gpu.index)},
                                      {"uuid", gpu.uuid},
                                      {"reason", gpu.problem.empty() ? before : gpu.problem},
                                      {"detail", gpu.problem_detail}};
      gpu.problem.empty() ? log_->info("gpu_back", fields) : log_->warn("gpu_down", fields);
      before = gpu.problem;
    }
  }

 private:
  std::shared_ptr<JsonLog> log_;
  bool is_first_ = true;
  std::string problem_;
  std::map<unsigned, std::string> gpu_problems_;
};

std::function<GpuSample()> gpu_source(const Options& options, std::shared_ptr<JsonLog> log) {
  const std::string named = options.gpus;
  const GpuChoice choice =
      parse_gpu_choice(named.empty() ? getenv("CUDA_VISIBLE_DEVICES") : named.c_str());
  const auto reader = std::make_shared<GpuReader>(choice);
  const auto news = std::make_shared<GpuNews>(std::move(log));
  return [reader, news] {
    GpuSample sample = reader->sample();
    news->tell(sample);
    return sample;
  };
}

HostSample host_sample() {
  constexpr size_t kCgroupBytes = 65536;
  const std::string groups = read_text("/proc/self/cgroup", kCgroupBytes).value_or("");
  return {read_processes("/proc", geteuid(), job_component(groups)),
          read_cgroup_memory(groups, "/sys/fs/cgroup"), read_shm("/dev/shm", geteuid())};
}

std::function<FileSample()> file_source(const Options& options) {
  const std::string folder =
      options.training.empty() ? default_training_folder(host_name()) : options.training;
  return [folder, root = options.root, keep = options.training_keep_seconds] {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    return FileSample{root.empty() ? ReleaseFacts{} : read_release_facts(root),
                      read_drops(folder, now.count(), keep)};
  };
}

milliseconds in_milliseconds(double seconds) {
  return milliseconds(static_cast<int64_t>(std::lround(seconds * 1000)));
}

milliseconds interval_of(const Options& options) {
  const milliseconds interval = in_milliseconds(options.interval_seconds);
  return options.once ? std::min(interval, kOnceInterval) : interval;
}

}  // namespace

Exporter::Exporter(const Options& options, std::shared_ptr<JsonLog> log)
    : facts_(facts_of(options)),
      log_(std::move(log)),
      gpus_(gpu_source(options, log_), interval_of(options)),
      host_(host_sample, interval_of(options)),
      files_(file_source(options), interval_of(options)) {}

std::string Exporter::page() const {
  return render_page(facts_,
                     {gpus_.snapshot(), host_.snapshot(), files_.snapshot(), log_->dropped()});
}

void Exporter::wait_until_begun() const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const auto left = [&] {
    return std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
  };
  host_.wait_for(1, left());
  files_.wait_for(1, left());
  gpus_.wait_for(1, left());
}

void Exporter::wait_until_complete() const {
  // A little more, so that what hangs shows as hanging.
  const auto end =
      std::chrono::steady_clock::now() + in_milliseconds(facts_.stale_seconds) + milliseconds(50);
  const auto left = [&] {
    return std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
  };
  host_.wait_for(1, left());
  files_.wait_for(1, left());
  if (!gpus_.wait_for(1, left())) return;
  const auto first = gpus_.snapshot();
  if (first.sample && !first.sample->gpus.empty()) gpus_.wait_for(2, left());
}

}  // namespace eb::metrics
