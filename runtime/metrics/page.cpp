#include "runtime/metrics/page.hpp"

#include "runtime/metrics/exposition.hpp"
#include "runtime/metrics/gpu_page.hpp"
#include "runtime/metrics/host_families.hpp"

namespace eb::metrics {
namespace {

/// One series for each state that there is, so that a query for a state never finds nothing.
template <size_t N>
void add_states(Exposition& page, const Family& family, Labels labels,
                const char* const (&states)[N], const std::string& actual) {
  labels.emplace_back("state", "");
  for (const char* const state : states) {
    labels.back().second = state;
    page.add(family, labels, actual == state ? 1 : 0);
  }
}

void add_release(Exposition& page, const ReleaseFacts& facts) {
  if (facts.release.empty()) return;
  page.add(families::kReleaseInfo,
           {{"release", facts.release}, {"name", facts.name}, {"id", facts.id}}, 1);
  if (facts.is_active) page.add(families::kReleaseActive, {}, *facts.is_active ? 1 : 0);
  page.add_known(families::kReleaseSerial, {}, facts.counter);
  page.add_known(families::kReleaseInstalled, {}, facts.installed);
  if (facts.check_state.empty()) return;
  static constexpr const char* kStates[] = {"passed", "failed", "not-testable", "skipped"};
  add_states(page, families::kCheckState, {}, kStates, facts.check_state);
  page.add_known(families::kCheckTime, {}, facts.checked);
  for (const auto& [state, count] : facts.check_steps) {
    page.add(families::kCheckSteps, {{"state", state}}, static_cast<double>(count));
  }
}

void add_host(Exposition& page, const HostSample& sample) {
  if (sample.shm) {
    page.add(families::kShmSize, {}, static_cast<double>(sample.shm->size_bytes));
    page.add(families::kShmUsed, {}, static_cast<double>(sample.shm->used_bytes));
    page.add(families::kShmOwn, {}, static_cast<double>(sample.shm->own_bytes));
    page.add(families::kShmOwnFiles, {}, static_cast<double>(sample.shm->own_files));
  }
  page.add_known(families::kMemoryCurrent, {}, sample.cgroup.current_bytes);
  page.add_known(families::kMemoryMax, {}, sample.cgroup.max_bytes);
  page.add_known(families::kOomKills, {}, sample.cgroup.oom_kills);
  page.add(families::kProcesses, {}, static_cast<double>(sample.processes.count));
  page.add(families::kProcessesResident, {}, static_cast<double>(sample.processes.resident_bytes));
  for (const ProcessFigures& process : sample.processes.biggest) {
    const Labels labels = {{"pid", std::to_string(process.pid)}, {"command", process.command}};
    page.add(families::kProcessCpu, labels, process.cpu_seconds);
    page.add(families::kProcessResident, labels, static_cast<double>(process.resident_bytes));
    if (process.proportional_bytes) {
      page.add(families::kProcessProportional, labels,
               static_cast<double>(*process.proportional_bytes));
    }
    page.add(families::kProcessThreads, labels, static_cast<double>(process.threads));
    page.add(families::kProcessStart, labels, process.started);
  }
}

void add_training(Exposition& page, const TrainingSample& sample) {
  static constexpr const char* kStates[] = {"running", "finished", "failed"};
  for (const TrainingDrop& drop : sample.drops) {
    const Labels labels = {{"run", drop.run}, {"rank", std::to_string(drop.rank)}};
    for (const auto& [name, value] : drop.values) {
      Labels with_metric = labels;
      with_metric.emplace_back("metric", name);
      page.add(families::kTrainingValue, with_metric, value);
    }
    page.add_known(families::kTrainingStep, labels, drop.step);
    page.add(families::kTrainingUpdated, labels, drop.modified);
    page.add_known(families::kTrainingStarted, labels, drop.started);
    page.add_known(families::kTrainingWorldSize, labels, drop.world_size);
    page.add_known(families::kTrainingRestarts, labels, drop.restarts);
    add_states(page, families::kTrainingState, labels, kStates, drop.state);
  }
  static constexpr const char* kReasons[] = {
      "malformed", "too_big", "not_a_file", "foreign_owner", "too_many", "duplicate", "unreadable"};
  if (!sample.has_folder) return;
  for (const char* const reason : kReasons) {
    const auto found = sample.rejected.find(reason);
    page.add(families::kTrainingRejected, {{"reason", reason}},
             found == sample.rejected.end() ? 0 : static_cast<double>(found->second));
  }
}

template <typename Sample>
void add_sampler(Exposition& page, const std::string& source, const Snapshot<Sample>& snapshot,
                 double stale_seconds) {
  const Labels labels = {{"source", source}};
  page.add(families::kSamplerStalled, labels, snapshot.is_stalled(stale_seconds) ? 1 : 0);
  if (!snapshot.sample) return;
  page.add(families::kSamplerDuration, labels, snapshot.duration_seconds);
  page.add(families::kSamplerTime, labels, snapshot.taken);
}

}  // namespace

std::string render_page(const PageFacts& facts, const PageSources& sources) {
  Exposition page;
  page.add(families::kExporterInfo, {{"version", facts.version}}, 1);
  add_gpus(page, facts, sources);
  const double limit = facts.stale_seconds;
  if (sources.files.sample && !sources.files.is_stalled(limit)) {
    add_release(page, sources.files.sample->release);
    add_training(page, sources.files.sample->training);
  }
  if (!facts.job_id.empty()) {
    page.add(families::kJobInfo, {{"job_id", facts.job_id}, {"job_name", facts.job_name}}, 1);
    page.add_known(families::kJobRestarts, {}, facts.job_restarts);
  }
  if (sources.host.sample && !sources.host.is_stalled(limit)) add_host(page, *sources.host.sample);
  add_sampler(page, "nvml", sources.gpus, limit);
  add_sampler(page, "host", sources.host, limit);
  add_sampler(page, "files", sources.files, limit);
  page.add(families::kLogDropped, {}, static_cast<double>(sources.log_lines_dropped));
  return page.text();
}

}  // namespace eb::metrics
