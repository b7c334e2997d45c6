#include "installer/driver/usable_gpus.hpp"

#include <algorithm>
#include <cerrno>

namespace eb {
namespace {

bool is_named(const Gpu& gpu, const VisibleDevices& visible) {
  if (visible.uuids.empty()) return true;  // ordinals are CUDA's own order, not known here
  return std::ranges::any_of(visible.uuids, [&](const std::string& uuid) {
    return uuid.starts_with("MIG-") || gpu.uuid.empty() || gpu.uuid.starts_with(uuid);
  });
}

// Why a node that is there cannot be used, and what helps.
std::string refusal_text(const DeviceNode& node) {
  if (!node.is_device) return node.path + " is no device";
  return node.path + " may not be used by this user (" + node_text(node) + ")";
}

std::string refusal_remedy(const DriverProbe& probe, const DeviceNode& node) {
  if (!node.is_device) return "root: remove " + node.path + " and let nvidia-modprobe make it anew";
  if (node.access_error == EPERM || probe.around.cgroup_allows_gpus == false) {
    return probe.around.in_slurm_job
               ? "ask Slurm for a GPU: --gres=gpu:1 or --gpus=1"
               : "the job or container was given no GPU: ask its scheduler or runtime for one";
  }
  if (probe.around.in_slurm_job && probe.around.slurm_gpus.empty()) {
    return "ask Slurm for a GPU: --gres=gpu:1 or --gpus=1";
  }
  if (!node.group.empty() && node.gid != 0 && (node.mode & 060) == 060) {
    return "root: add this user to the group " + node.group + " (usermod -aG " + node.group +
           " USER), then log in again";
  }
  return "root: let users at the GPU devices (driver options NVreg_DeviceFileMode, "
         "NVreg_DeviceFileGID)";
}

void check_uvm(const DriverProbe& probe, UsableGpus* out) {
  const DriverNodes& nodes = probe.nodes;
  const bool in_container = !probe.around.container.empty();
  if (!nodes.uvm.exists) {
    if (nodes.can_make_nodes && !in_container) return;
    out->why_none =
        "/dev/nvidia-uvm is missing: cuInit will fail (error 999) although nvidia-smi "
        "works";
    if (in_container) {
      out->remedies.emplace_back(
          "start the container with the NVIDIA runtime, or pass "
          "/dev/nvidia-uvm to it");
    } else if (nodes.uvm_major) {
      out->remedies.push_back("root: mknod -m 666 /dev/nvidia-uvm c " +
                              std::to_string(*nodes.uvm_major) + " 0, or nvidia-modprobe -u -c=0");
    } else {
      out->remedies.emplace_back(
          "root: modprobe nvidia-uvm, then nvidia-modprobe -u -c=0; for "
          "every boot a file in /etc/modules-load.d");
    }
  } else if (!nodes.uvm.is_usable()) {
    out->why_none = refusal_text(nodes.uvm);
    out->remedies.push_back(refusal_remedy(probe, nodes.uvm));
  } else if (nodes.uvm_major && *nodes.uvm_major != nodes.uvm.major_number) {
    out->why_none = "/dev/nvidia-uvm has major number " + std::to_string(nodes.uvm.major_number) +
                    ", its module answers to " + std::to_string(*nodes.uvm_major);
    out->remedies.emplace_back(
        "remove /dev/nvidia-uvm and make it anew (nvidia-modprobe -u -c=0); "
        "in a container renew its device list");
  }
  if (!out->why_none.empty()) out->hazards.push_back(out->why_none);
}

// WSL and Jetson have other devices.
bool check_special(const DriverProbe& probe, UsableGpus* out) {
  if (probe.around.is_wsl && !probe.module.is_loaded) {
    if (probe.dxg_access_error != 0) {
      out->why_none =
          "/dev/dxg may not be used by this user (" + errno_name(probe.dxg_access_error) + ")";
    } else if (probe.usable_libcuda() == nullptr) {
      out->why_none = "no libcuda.so.1 was found: Windows has no NVIDIA driver for WSL";
      out->remedies.emplace_back(
          "install NVIDIA's driver in Windows, then wsl --shutdown; install "
          "none inside WSL");
    }
    return true;
  }
  if (!probe.around.is_jetson) return false;
  for (const Gpu& gpu : probe.gpus) {
    if (gpu.node.is_usable()) {
      out->gpus.push_back(&gpu);
    } else if (gpu.node.exists) {
      out->why_none = refusal_text(gpu.node);
      out->remedies.push_back(refusal_remedy(probe, gpu.node));
    } else if (out->why_none.empty()) {
      out->why_none = gpu.node.path + " is missing";
    }
  }
  if (!out->gpus.empty()) out->why_none.clear();
  return true;
}

// Fills gpus, and why_none when there is none.
void choose_gpus(const DriverProbe& probe, UsableGpus* out) {
  const bool nodes_appear = probe.nodes.can_make_nodes && probe.around.container.empty();
  size_t served = 0;
  size_t excluded = 0;
  const Gpu* refused = nullptr;
  const Gpu* missing = nullptr;
  const Gpu* without_mig = nullptr;
  for (const Gpu& gpu : probe.gpus) {
    if (!gpu.is_served) continue;
    ++served;
    if (gpu.is_excluded) ++excluded;
    if (gpu.is_excluded || !is_named(gpu, probe.around.visible)) continue;
    if (gpu.node.path.empty() || (!gpu.node.exists && !nodes_appear)) {
      if (missing == nullptr) missing = &gpu;
    } else if (gpu.node.exists && !gpu.node.is_usable()) {
      if (refused == nullptr) refused = &gpu;
    } else if (gpu.mig_instances > 0 && gpu.usable_mig_instances == 0) {
      if (without_mig == nullptr) without_mig = &gpu;
    } else {
      out->gpus.push_back(&gpu);
    }
  }
  if (!out->gpus.empty()) return;
  if (served == 0) {
    out->why_none = "the driver shows no GPU";
  } else if (excluded == served) {
    out->why_none = "every GPU is excluded by the driver's option NVreg_ExcludedGpus";
    out->remedies.emplace_back(
        "root: take the GPU out of NVreg_ExcludedGpus (once "
        "NVreg_GpuBlacklist) and load the module anew");
  } else if (refused != nullptr) {
    out->why_none = refusal_text(refused->node);
    out->remedies.push_back(refusal_remedy(probe, refused->node));
    out->hazards.push_back(out->why_none);
  } else if (without_mig != nullptr) {
    out->why_none = "no MIG instance of " + without_mig->title() +
                    " may be used: its devices in /dev/nvidia-caps are missing or closed";
    out->remedies.emplace_back(
        "ask the scheduler for a MIG instance, or root: nvidia-modprobe -f "
        "for its access files");
    out->hazards.push_back(out->why_none);
  } else if (missing != nullptr) {
    out->why_none = (missing->node.path.empty() ? std::string("a device of ") + missing->title()
                                                : missing->node.path) +
                    " is missing";
  } else {
    out->why_none =
        "CUDA_VISIBLE_DEVICES='" + probe.around.visible.text + "' names no GPU of this machine";
    out->remedies.emplace_back(
        "unset CUDA_VISIBLE_DEVICES, or name a GPU that nvidia-smi -L shows");
    out->hazards.push_back(out->why_none);
  }
}

}  // namespace

std::string gpu_count_text(size_t count) {
  return std::to_string(count) + (count == 1 ? " GPU" : " GPUs");
}

UsableGpus usable_gpus(const DriverProbe& probe) {
  UsableGpus out;
  if (check_special(probe, &out)) return out;
  if (!probe.module.is_loaded) {
    out.why_none =
        probe.gpus.empty() ? "there is no NVIDIA GPU and no driver" : "no NVIDIA driver is loaded";
    return out;
  }
  const bool nodes_appear = probe.nodes.can_make_nodes && probe.around.container.empty();
  const bool any_node =
      std::ranges::any_of(probe.gpus, [](const Gpu& gpu) { return gpu.node.exists; });
  if (!probe.nodes.control.exists && !any_node && !nodes_appear) {
    out.lacks_all_nodes = true;
    out.why_none = "there is neither /dev/nvidiactl nor a /dev/nvidiaN";
    return out;
  }
  if (probe.around.visible.hides_all()) {
    out.why_none = "CUDA_VISIBLE_DEVICES='" + probe.around.visible.text + "' hides every GPU";
    out.remedies.emplace_back(probe.around.in_slurm_job
                                  ? "ask Slurm for a GPU: --gres=gpu:1 or --gpus=1"
                                  : "unset CUDA_VISIBLE_DEVICES, or name a GPU in it");
    out.hazards.push_back(out.why_none);
    return out;
  }
  if (!probe.nodes.control.exists && !nodes_appear) {
    out.why_none = "/dev/nvidiactl is missing";
    out.remedies.emplace_back(
        "root: nvidia-modprobe -c 0, or mknod -m 666 /dev/nvidiactl c 195 255");
    out.hazards.push_back(out.why_none);
    return out;
  }
  if (probe.nodes.control.exists && !probe.nodes.control.is_usable()) {
    out.why_none = refusal_text(probe.nodes.control);
    out.remedies.push_back(refusal_remedy(probe, probe.nodes.control));
    out.hazards.push_back(out.why_none);
    return out;
  }
  choose_gpus(probe, &out);
  if (!out.why_none.empty()) return out;
  check_uvm(probe, &out);
  if (out.why_none.empty() && probe.usable_libcuda() == nullptr) {
    out.why_none = probe.libcuda.empty()
                       ? "no libcuda.so.1 was found: the driver's libraries are not installed, or "
                         "not passed to this container"
                       : "the only libcuda.so.1 found is a stub of a CUDA toolkit (" +
                             probe.libcuda.front().path + ")";
    out.remedies.emplace_back(
        "install the libraries of the same driver version as the kernel "
        "module" +
        (probe.module.version.empty() ? "" : " (" + probe.module.version + ")"));
    out.hazards.push_back(out.why_none);
  }
  return out;
}

}  // namespace eb
