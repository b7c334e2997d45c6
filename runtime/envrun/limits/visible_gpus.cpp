#include "runtime/envrun/limits/visible_gpus.hpp"

#include <algorithm>

#include "installer/driver/usable_gpus.hpp"

namespace eb {
namespace {

VisibleGpu described(const Gpu& gpu, std::string entry) {
  return {.entry = std::move(entry),
          .uuid = gpu.uuid,
          .title = gpu.title(),
          .numa_node = gpu.numa_node,
          .has_mig = gpu.mig_instances > 0};
}

// All that devices and permissions allow, whatever CUDA_VISIBLE_DEVICES says.
UsableGpus allowed_gpus(const DriverProbe& probe) {
  DriverProbe all = probe;
  all.around.visible = {};
  UsableGpus out = usable_gpus(all);
  // They point into the copy.
  for (const Gpu*& gpu : out.gpus) gpu = probe.gpus.data() + (gpu - all.gpus.data());
  return out;
}

// Several models: CUDA's own order puts the fastest first, and only CUDA knows which that is.
bool is_order_plain(const std::vector<const Gpu*>& gpus) { return gpus.size() < 2; }

void add_ordinals(const VisibleDevices& visible, const std::vector<const Gpu*>& allowed,
                  VisibleGpus* out) {
  for (const unsigned ordinal : visible.ordinals) {
    // CUDA ends the list at a number that it does not have.
    if (ordinal >= allowed.size() && !out->is_unlisted) break;
    VisibleGpu gpu{.entry = std::to_string(ordinal)};
    if (out->in_pci_order && ordinal < allowed.size()) {
      gpu = described(*allowed[ordinal], gpu.entry);
    }
    out->gpus.push_back(std::move(gpu));
  }
}

void add_uuids(const VisibleDevices& visible, const std::vector<const Gpu*>& allowed,
               VisibleGpus* out) {
  for (const std::string& uuid : visible.uuids) {
    if (uuid.starts_with("MIG-")) {
      out->gpus.push_back({.entry = uuid, .uuid = uuid, .title = "MIG instance", .has_mig = true});
      continue;
    }
    const auto at =
        std::ranges::find_if(allowed, [&](const Gpu* gpu) { return gpu->uuid.starts_with(uuid); });
    if (at != allowed.end()) {
      out->gpus.push_back(described(**at, uuid));
    } else if (out->is_unlisted ||
               std::ranges::any_of(allowed, [](const Gpu* gpu) { return gpu->uuid.empty(); })) {
      out->gpus.push_back({.entry = uuid, .uuid = uuid});
    } else {
      break;
    }
  }
}

// Numbers of the whole node's GPUs that Slurm tells; empty when they do not narrow what the devices
// allow: then it is the cgroup that narrows, and these numbers are not those of the job.
std::vector<const Gpu*> slurm_choice(const DriverProbe& probe, const Variables& variables,
                                     const std::vector<const Gpu*>& allowed) {
  if (!probe.around.in_slurm_job) return {};
  for (const char* name : {"SLURM_STEP_GPUS", "SLURM_JOB_GPUS"}) {
    const VisibleDevices given = parse_visible_devices(variables.find(name));
    if (given.ordinals.empty()) continue;
    if (given.ordinals.size() >= allowed.size()) return {};
    std::vector<const Gpu*> out;
    for (const unsigned ordinal : given.ordinals) {
      if (ordinal >= allowed.size()) return {};
      out.push_back(allowed[ordinal]);
    }
    return out;
  }
  return {};
}

}  // namespace

VisibleGpus visible_gpus(const DriverProbe& probe, const Variables& variables) {
  const UsableGpus usable = allowed_gpus(probe);
  const std::vector<const Gpu*>& allowed = usable.gpus;
  VisibleGpus out;
  out.is_unlisted = probe.around.is_wsl && allowed.empty();
  out.why_none = usable.why_none;
  out.remedies = usable.remedies;

  const VisibleDevices visible = parse_visible_devices(variables.find("CUDA_VISIBLE_DEVICES"));
  const auto order = variables.find("CUDA_DEVICE_ORDER");
  // Numbers that the user chose without naming an order are CUDA's own; Slurm's are PCI's.
  out.in_pci_order = is_order_plain(allowed) || order == "PCI_BUS_ID" ||
                     (!order && (visible.ordinals.empty() || probe.around.in_slurm_job));
  if (visible.is_set) {
    if (!visible.ordinals.empty()) {
      add_ordinals(visible, allowed, &out);
    } else {
      add_uuids(visible, allowed, &out);
    }
    if (out.gpus.empty() && out.why_none.empty()) {
      out.why_none = "CUDA_VISIBLE_DEVICES='" + visible.text + "' leaves none";
    }
    out.is_narrowed = out.gpus.size() < allowed.size();
    return out;
  }
  const auto chosen = slurm_choice(probe, variables, allowed);
  out.is_narrowed = !chosen.empty();
  for (const Gpu* gpu : chosen.empty() ? allowed : chosen) {
    const auto at = std::ranges::find(allowed, gpu) - allowed.begin();
    VisibleGpu each{.entry = std::to_string(at)};
    if (out.in_pci_order) each = described(*gpu, each.entry);
    out.gpus.push_back(std::move(each));
  }
  if (out.gpus.empty() && out.why_none.empty() && !out.is_unlisted) {
    out.why_none = "there is no NVIDIA GPU here";
  }
  return out;
}

}  // namespace eb
