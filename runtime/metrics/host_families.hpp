#pragma once

#include "runtime/metrics/family.hpp"

// The project's own metrics. Units are Prometheus' base units and stand in the name.
namespace eb::metrics::families {

#define EB_OWN(constant, type, name, help) \
  inline constexpr Family constant { "envbundle_" name, FamilyType::type, help }

EB_OWN(kReleaseInfo, kGauge, "release_info", "The release that the exporter belongs to.");
EB_OWN(kReleaseActive, kGauge, "release_active",
       "1 when the prefix's current leads to the release.");
EB_OWN(kReleaseSerial, kGauge, "release_serial", "Release counter of the bundle.");
EB_OWN(kReleaseInstalled, kGauge, "release_installed_timestamp_seconds",
       "When the release was installed.");
EB_OWN(kCheckState, kGauge, "check_state",
       "Result of the last kept envinstall check of the release: 1 for the state that it has.");
EB_OWN(kCheckTime, kGauge, "check_timestamp_seconds", "When the last kept check ran.");
EB_OWN(kCheckSteps, kGauge, "check_steps", "Steps of the last kept check by their state.");

EB_OWN(kShmSize, kGauge, "shm_size_bytes", "Size of /dev/shm.");
EB_OWN(kShmUsed, kGauge, "shm_used_bytes", "Used space of /dev/shm, of all users.");
EB_OWN(kShmOwn, kGauge, "shm_own_bytes", "Space of /dev/shm in files of the exporter's user.");
EB_OWN(kShmOwnFiles, kGauge, "shm_own_files", "Files of the exporter's user in /dev/shm.");
EB_OWN(kMemoryCurrent, kGauge, "cgroup_memory_current_bytes",
       "Memory in use by the control group that limits the exporter's processes.");
EB_OWN(kMemoryMax, kGauge, "cgroup_memory_max_bytes",
       "Memory limit of that control group; absent when there is none.");
EB_OWN(kOomKills, kCounter, "cgroup_oom_kills_total",
       "Processes of that control group that the kernel killed for memory.");

EB_OWN(kJobInfo, kGauge, "job_info", "The Slurm job that the exporter runs in.");
EB_OWN(kJobRestarts, kGauge, "job_restarts", "How often Slurm has requeued or restarted the job.");

EB_OWN(kProcesses, kGauge, "processes",
       "Processes of the exporter's user (in a Slurm job: of the job).");
EB_OWN(kProcessesResident, kGauge, "processes_resident_memory_bytes",
       "Resident memory of all of them; shared pages count more than once.");
EB_OWN(kProcessCpu, kCounter, "process_cpu_seconds_total", "CPU time of a process.");
EB_OWN(kProcessResident, kGauge, "process_resident_memory_bytes", "Resident memory of a process.");
EB_OWN(kProcessProportional, kGauge, "process_proportional_memory_bytes",
       "Memory of a process; shared pages count by their share.");
EB_OWN(kProcessThreads, kGauge, "process_threads", "Threads of a process.");
EB_OWN(kProcessStart, kGauge, "process_start_time_seconds", "When a process began.");
EB_OWN(kProcessGpuMemory, kGauge, "process_gpu_memory_bytes",
       "GPU memory of a process on a GPU, as the driver has it.");

EB_OWN(kTrainingValue, kGauge, "training_value", "What a training script logged last, by metric.");
EB_OWN(kTrainingStep, kGauge, "training_step", "Step of the last values.");
EB_OWN(kTrainingUpdated, kGauge, "training_updated_timestamp_seconds",
       "When the script wrote last.");
EB_OWN(kTrainingStarted, kGauge, "training_started_timestamp_seconds", "When the script began.");
EB_OWN(kTrainingWorldSize, kGauge, "training_world_size", "Ranks of the run.");
EB_OWN(kTrainingRestarts, kGauge, "training_restarts",
       "How often the elastic launcher has restarted the workers.");
EB_OWN(kTrainingState, kGauge, "training_state",
       "1 for the state that the rank has: running, finished, failed.");
EB_OWN(kTrainingRejected, kGauge, "training_drops_rejected",
       "Files of the training folder that are no valid drop, by reason.");

EB_OWN(kSamplerStalled, kGauge, "sampler_stalled",
       "1 when a source of figures hangs; its figures are absent then.");
EB_OWN(kSamplerDuration, kGauge, "sampler_duration_seconds", "How long the last sample took.");
EB_OWN(kSamplerTime, kGauge, "sampler_timestamp_seconds", "When the last sample was complete.");
EB_OWN(kLogDropped, kCounter, "log_lines_dropped_total", "Log lines that could not be written.");
EB_OWN(kExporterInfo, kGauge, "exporter_info", "Version of the exporter.");

}  // namespace eb::metrics::families
