#include "installer/driver/surroundings.hpp"

#include <algorithm>

#include "installer/base/error.hpp"

namespace eb {
namespace {

std::string container_of(const HostFiles& files, const ProbeEnvironment& environment) {
  if (files.exists("/.singularity.d") || environment.apptainer_container ||
      environment.singularity_container) {
    return "apptainer";
  }
  const std::string groups =
      files.read("/proc/1/cgroup").value_or("") + files.read("/proc/self/cgroup").value_or("");
  if (environment.kubernetes_host || files.exists("/run/secrets/kubernetes.io") ||
      groups.find("kubepods") != std::string::npos) {
    return "kubernetes";
  }
  if (files.exists("/.dockerenv")) return "docker";
  if (files.exists("/run/.containerenv")) return "podman";
  static constexpr struct {
    const char* word;
    const char* container;
  } kWords[] = {{"/docker", "docker"},
                {"/libpod", "podman"},
                {"/lxc", "lxc"},
                {"containerd", "container"},
                {"/enroot", "enroot"}};
  for (const auto& [word, container] : kWords) {
    // containerd.service is the daemon's own group on the host
    for (const std::string& line : text_lines(groups)) {
      if (line.find(word) != std::string::npos && !line.ends_with(".service")) return container;
    }
  }
  return {};
}

// Lines of devices.list: "a *:* rwm", "c 195:* rwm", "c 195:0 rw".
std::optional<bool> cgroup_allows_gpus(const HostFiles& files) {
  for (const std::string& line : text_lines(files.read("/proc/self/cgroup").value_or(""))) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos ||
        ("," + line.substr(first + 1, second - first - 1) + ",").find(",devices,") ==
            std::string::npos) {
      continue;
    }
    const auto list =
        files.read("/sys/fs/cgroup/devices" + line.substr(second + 1) + "/devices.list");
    if (!list) return std::nullopt;
    for (const std::string& rule : text_lines(*list)) {
      if (rule.starts_with("a ") || rule.starts_with("c *:") || rule.starts_with("c 195:")) {
        return true;
      }
    }
    return false;
  }
  return std::nullopt;
}

}  // namespace

VisibleDevices parse_visible_devices(const std::optional<std::string>& value) {
  VisibleDevices out;
  if (!value) return out;
  out.is_set = true;
  out.text = printable(*value);
  for (size_t at = 0; at <= value->size();) {
    const size_t end = std::min(value->find(',', at), value->size());
    const std::string entry = trimmed_text(value->substr(at, end - at));
    at = end + 1;
    if (entry.starts_with("GPU-") || entry.starts_with("MIG-")) {
      out.uuids.push_back(entry);
      continue;
    }
    const auto ordinal = number_of(entry);
    if (!ordinal || *ordinal > 1024) break;
    out.ordinals.push_back(static_cast<unsigned>(*ordinal));
  }
  return out;
}

Surroundings read_surroundings(const HostFiles& files, const ProbeEnvironment& environment,
                               bool is_jetson) {
  Surroundings out;
  out.container = container_of(files, environment);
  out.is_wsl = files.exists("/dev/dxg");
  out.is_jetson = is_jetson;
  out.in_slurm_job = environment.slurm_job_id.has_value();
  for (const auto* told : {&environment.slurm_step_gpus, &environment.slurm_job_gpus,
                           &environment.gpu_device_ordinal}) {
    if (out.in_slurm_job && out.slurm_gpus.empty() && *told) out.slurm_gpus = printable(**told);
  }
  if (out.in_slurm_job && out.slurm_gpus.empty() && environment.slurm_gpus_on_node &&
      *environment.slurm_gpus_on_node != "0") {
    out.slurm_gpus = printable(*environment.slurm_gpus_on_node) + " on this node";
  }
  out.visible = parse_visible_devices(environment.cuda_visible_devices);
  if (environment.nvidia_visible_devices) {
    out.nvidia_visible = printable(*environment.nvidia_visible_devices);
  }
  out.cgroup_allows_gpus = cgroup_allows_gpus(files);
  return out;
}

}  // namespace eb
