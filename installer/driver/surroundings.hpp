#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/driver/host_files.hpp"

namespace eb {

/// The environment variables that decide what a process sees of the GPUs; nullopt = not set.
struct ProbeEnvironment {
  std::optional<std::string> cuda_visible_devices;    ///< CUDA_VISIBLE_DEVICES
  std::optional<std::string> nvidia_visible_devices;  ///< NVIDIA_VISIBLE_DEVICES
  std::optional<std::string> slurm_job_id;            ///< SLURM_JOB_ID
  std::optional<std::string> slurm_job_gpus;          ///< SLURM_JOB_GPUS
  std::optional<std::string> slurm_step_gpus;         ///< SLURM_STEP_GPUS
  std::optional<std::string> slurm_gpus_on_node;      ///< SLURM_GPUS_ON_NODE
  std::optional<std::string> gpu_device_ordinal;      ///< GPU_DEVICE_ORDINAL
  std::optional<std::string> apptainer_container;     ///< APPTAINER_CONTAINER
  std::optional<std::string> singularity_container;   ///< SINGULARITY_CONTAINER
  std::optional<std::string> kubernetes_host;         ///< KUBERNETES_SERVICE_HOST
  std::optional<std::string> ld_library_path;         ///< LD_LIBRARY_PATH
  std::string machine;  ///< as `uname -m`; empty = what the program was built for
};

/// From a function that gives a variable's value, nullopt when it is not set.
template <typename Lookup>
ProbeEnvironment probe_environment(Lookup&& variable) {
  return {.cuda_visible_devices = variable("CUDA_VISIBLE_DEVICES"),
          .nvidia_visible_devices = variable("NVIDIA_VISIBLE_DEVICES"),
          .slurm_job_id = variable("SLURM_JOB_ID"),
          .slurm_job_gpus = variable("SLURM_JOB_GPUS"),
          .slurm_step_gpus = variable("SLURM_STEP_GPUS"),
          .slurm_gpus_on_node = variable("SLURM_GPUS_ON_NODE"),
          .gpu_device_ordinal = variable("GPU_DEVICE_ORDINAL"),
          .apptainer_container = variable("APPTAINER_CONTAINER"),
          .singularity_container = variable("SINGULARITY_CONTAINER"),
          .kubernetes_host = variable("KUBERNETES_SERVICE_HOST"),
          .ld_library_path = variable("LD_LIBRARY_PATH"),
          .machine = {}};
}

/// What CUDA_VISIBLE_DEVICES asks for, as CUDA reads it: entries behind the first bad one do not
/// count, and an empty list hides every GPU.
struct VisibleDevices {
  bool is_set = false;
  std::string text;                ///< as it was given
  std::vector<unsigned> ordinals;  ///< CUDA's numbering, which is not that of /dev/nvidiaN
  std::vector<std::string> uuids;  ///< GPU-… or a beginning of it; MIG-…

  bool hides_all() const { return is_set && ordinals.empty() && uuids.empty(); }
};
VisibleDevices parse_visible_devices(const std::optional<std::string>& value);

/// Where this process runs.
struct Surroundings {
  std::string container;  ///< docker, podman, apptainer, kubernetes, lxc, container; empty = none
  bool is_wsl = false;    ///< /dev/dxg is there
  bool is_jetson = false;
  bool in_slurm_job = false;
  std::string slurm_gpus;  ///< what Slurm gave to the job: "0,1"; empty = nothing, or not told
  VisibleDevices visible;
  std::optional<std::string> nvidia_visible;  ///< NVIDIA_VISIBLE_DEVICES
  std::optional<bool> cgroup_allows_gpus;     ///< cgroup v1: some device of major 195 is allowed
};

Surroundings read_surroundings(const HostFiles& files, const ProbeEnvironment& environment,
                               bool is_jetson);

}  // namespace eb
