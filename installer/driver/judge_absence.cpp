#include "installer/driver/driver_rules.hpp"
#include "installer/driver/judge.hpp"

namespace eb {

// No driver, no GPU, no way to it; and drivers that show no version.

void Judge::decide_wsl() {
  set(VerdictKind::kCannotTell, "wsl",
      "under WSL the driver is Windows' and shows no version here" + needed_text());
  remedy("compare with the driver version that nvidia-smi.exe shows in Windows");
}

void Judge::decide_jetson() {
  set(VerdictKind::kCannotTell, "jetson",
      "a Jetson's driver (" +
          (probe_.module.version.empty() ? "no version" : probe_.module.version) +
          ") belongs to its JetPack and is not numbered like others");
  note("bundles from PyTorch's wheels for servers have no code for Jetson boards before Thor");
  remedy("use a bundle made from NVIDIA's PyTorch wheels for this JetPack");
}

void Judge::decide_without_module() {
  if (probe_.gpus.empty()) {
    set(VerdictKind::kNoDriver, "no-gpu",
        "no NVIDIA GPU and no driver here: a login node, perhaps" + needed_text());
    note("the environment works on the CPU here");
    remedy("on a node with a GPU run: envinstall check PREFIX");
    return;
  }
  const Gpu& first = probe_.gpus.front();
  std::vector<std::string> others;
  for (const Gpu& gpu : probe_.gpus) {
    if (!gpu.bound_driver.empty() && std::ranges::find(others, gpu.bound_driver) == others.end()) {
      others.push_back(gpu.bound_driver);
    }
  }
  const std::string gpus = gpu_count_text(probe_.gpus.size()) + " (" + first.title() + ")";
  if (!others.empty()) {
    set(VerdictKind::kNoDriver, "other-driver",
        gpus + " in the hands of " + listed(others) + ", not of NVIDIA's driver" + needed_text());
  } else {
    set(VerdictKind::kNoDriver, "no-module",
        gpus + " but no NVIDIA driver is loaded" + needed_text());
  }
  note("the environment works on the CPU here");
  for (const std::string& other : others) {
    if (other == "nouveau" || other == "nova_core" || other == "nova-core") {
      remedy("root: install NVIDIA's driver; it keeps " + other + " from taking the GPU");
    } else if (other.starts_with("vfio")) {
      remedy("the GPU is set aside for a virtual machine (" + other +
             "): use it there, or root: give it back to the nvidia driver");
    } else {
      remedy("root: take the GPU from " + other + " and give it to the nvidia driver");
    }
  }
  if (others.empty()) {
    remedy("root: install the NVIDIA driver " + verdict_.required_driver +
           " or newer, or load it if it is installed (modprobe nvidia; dmesg says why not)");
  }
  note_generation(first);
}

void Judge::note_generation(const Gpu& gpu) {
  const GenerationRule* rule = rule_of_generation(gpu.generation);
  if (rule == nullptr) return;
  if (rule->last_branch != 0) {
    note("driver branch " + std::to_string(rule->last_branch) + " is the last one for " +
         gpu.generation + " GPUs");
  }
  if (rule->first_branch != 0) {
    note(gpu.generation + " GPUs need driver branch " + std::to_string(rule->first_branch) +
         " or newer");
  }
}

void Judge::decide_without_served_gpu() {
  const auto excluded = std::ranges::count_if(probe_.gpus, &Gpu::is_excluded);
  std::vector<std::string> others;
  for (const Gpu& gpu : probe_.gpus) {
    if (!gpu.bound_driver.empty() && gpu.bound_driver != "nvidia") {
      others.push_back(gpu.bound_driver);
    }
  }
  if (excluded > 0) {
    set(VerdictKind::kNoDriver, "gpu-excluded",
        "driver " + probe_.module.version + " is loaded, but " +
            gpu_count_text(static_cast<size_t>(excluded)) + " excluded by its option leave none");
  } else if (!others.empty()) {
    set(VerdictKind::kNoDriver, "other-driver",
        "driver " + probe_.module.version + " is loaded, but the GPU is in the hands of " +
            listed(others));
  } else if (!probe_.gpus.empty()) {
    set(VerdictKind::kNoDriver, "gpu-not-served",
        "driver " + probe_.module.version + " is loaded, but does not serve " +
            probe_.gpus.front().title());
    note_generation(probe_.gpus.front());
    remedy("dmesg says why the driver refused the GPU");
  } else {
    set(VerdictKind::kNoDriver, "no-gpu",
        "driver " + probe_.module.version + " is loaded, but shows no GPU");
    remedy("on a node with a GPU run: envinstall check PREFIX");
  }
}

void Judge::decide_without_nodes() {
  const bool in_container = !probe_.around.container.empty();
  if (in_container) {
    set(VerdictKind::kNoDriver, "container-without-devices",
        "the machine has driver " + probe_.module.version + ", but no GPU was passed to this " +
            probe_.around.container + " container");
    const std::string& kind = probe_.around.container;
    remedy(kind == "docker" || kind == "podman" ? "start the container with --gpus all or "
                                                  "--device nvidia.com/gpu=all"
           : kind == "apptainer"                ? "start the container with --nv"
           : kind == "kubernetes"
               ? "ask for nvidia.com/gpu in the pod's resources"
               : "pass /dev/nvidia* and the driver's libraries to the container");
    return;
  }
  set(VerdictKind::kNoDriver, "no-device-nodes",
      "driver " + probe_.module.version + " is loaded, but there are no /dev/nvidia* devices");
  remedy(
      "root: nvidia-modprobe -c 0 -u, or run nvidia-smi once as root; nvidia-persistenced "
      "keeps them");
}

}  // namespace eb
