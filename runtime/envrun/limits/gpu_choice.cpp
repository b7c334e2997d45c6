#include "runtime/envrun/limits/gpu_choice.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/driver/host_files.hpp"
#include "installer/driver/usable_gpus.hpp"

namespace eb {
namespace {

std::string list_text(const VisibleGpus& visible) {
  std::string out;
  for (size_t i = 0; i < visible.gpus.size(); ++i) {
    const VisibleGpu& gpu = visible.gpus[i];
    if (i > 0) out += ", ";
    out += std::to_string(i);
    if (!gpu.title.empty()) out += " " + gpu.title;
    if (!gpu.uuid.empty()) out += " (" + gpu.uuid + ")";
  }
  return out;
}

Error no_such_gpu(const std::string& what, const VisibleGpus& visible) {
  Error error(ExitCode::kDriver, what);
  if (!visible.gpus.empty()) {
    error.why("given to this job: " + list_text(visible));
    error.hint("--gpus only narrows what the job was given; indices count within that, from 0");
  } else {
    error.why(visible.why_none);
    for (const std::string& remedy : visible.remedies) error.hint(remedy);
    error.hint("--gpus none runs the program without a GPU");
  }
  return error;
}

// Each of two texts may be a beginning of the whole UUID.
bool is_same_uuid(const std::string& one, const std::string& other) {
  return one.starts_with(other) || other.starts_with(one);
}

VisibleGpu by_uuid(const std::string& uuid, const VisibleGpus& visible) {
  const VisibleGpu* found = nullptr;
  bool is_unknown = visible.is_unlisted && visible.gpus.empty();
  for (const VisibleGpu& gpu : visible.gpus) {
    is_unknown = is_unknown || gpu.uuid.empty();
    if (gpu.uuid.empty() || !is_same_uuid(gpu.uuid, uuid)) continue;
    if (found != nullptr) {
      throw no_such_gpu("--gpus " + uuid + " is the beginning of more than one UUID", visible);
    }
    found = &gpu;
  }
  if (found != nullptr) {
    VisibleGpu out = *found;
    // The UUID means the same GPU in whatever order numbers are; of two beginnings the longer one
    // says more.
    out.entry =
        std::max(out.uuid, uuid, [](const auto& a, const auto& b) { return a.size() < b.size(); });
    return out;
  }
  // Only the driver's library knows the UUIDs of MIG instances, and CUDA takes only those of GPUs
  // that the job has. A list that names GPUs must not grow by an instance that may be another's.
  const bool may_be_instance =
      uuid.starts_with("MIG-") && std::ranges::any_of(visible.gpus, [](const VisibleGpu& gpu) {
        return gpu.has_mig && !gpu.entry.starts_with("MIG-");
      });
  if ((may_be_instance || is_unknown) && (!visible.is_narrowed || !visible.in_pci_order)) {
    if (!visible.in_pci_order) {
      throw no_such_gpu("--gpus " + uuid + " cannot be compared with CUDA_VISIBLE_DEVICES", visible)
          .hint("set CUDA_DEVICE_ORDER=PCI_BUS_ID, so that its numbers have a known meaning");
    }
    return {.entry = uuid, .uuid = uuid, .has_mig = uuid.starts_with("MIG-")};
  }
  throw no_such_gpu("there is no GPU " + uuid + " in this job", visible);
}

std::vector<VisibleGpu> chosen_gpus(const GpuRequest& request, const VisibleGpus& visible) {
  if (request.kind == GpuRequest::Kind::kAll) {
    if (visible.gpus.empty() && !visible.is_unlisted) {
      throw no_such_gpu("--gpus all, and there is no GPU to use", visible);
    }
    return visible.gpus;
  }
  std::vector<VisibleGpu> out;
  if (request.kind == GpuRequest::Kind::kCount) {
    if (visible.is_unlisted && visible.gpus.empty()) {
      for (unsigned i = 0; i < request.count; ++i) out.push_back({.entry = std::to_string(i)});
      return out;
    }
    if (request.count > visible.gpus.size()) {
      throw no_such_gpu("--gpus " + std::to_string(request.count) + ", and this job has " +
                            gpu_count_text(visible.gpus.size()),
                        visible);
    }
    out.assign(visible.gpus.begin(), visible.gpus.begin() + request.count);
    return out;
  }
  for (const std::string& device : request.devices) {
    VisibleGpu gpu;
    if (!is_gpu_index(device)) {
      gpu = by_uuid(device, visible);
    } else if (const auto index = *number_of(device); index < visible.gpus.size()) {
      gpu = visible.gpus[index];
    } else if (visible.is_unlisted && visible.gpus.empty()) {
      gpu.entry = device;
    } else {
      throw no_such_gpu("there is no GPU " + device + " in this job", visible);
    }
    const bool is_there = std::ranges::any_of(out, [&](const VisibleGpu& other) {
      return other.entry == gpu.entry || (!gpu.uuid.empty() && other.uuid == gpu.uuid);
    });
    if (!is_there) out.push_back(std::move(gpu));
  }
  return out;
}

}  // namespace

GpuChoice choose_gpus(const GpuRequest& request, const VisibleGpus& visible) {
  GpuChoice out;
  out.gpus = chosen_gpus(request, visible);
  const bool takes_all = request.kind == GpuRequest::Kind::kAll;
  // CUDA reads either numbers or UUIDs well, not both in one list.
  const bool has_uuid =
      std::ranges::any_of(out.gpus, [](const VisibleGpu& gpu) { return !is_gpu_index(gpu.entry); });
  std::string list;
  for (const VisibleGpu& gpu : out.gpus) {
    if (!list.empty()) list += ',';
    if (has_uuid && is_gpu_index(gpu.entry) && gpu.uuid.empty()) {
      throw no_such_gpu("--gpus names GPUs by index and by UUID, and not all UUIDs are known",
                        visible);
    }
    list += has_uuid && is_gpu_index(gpu.entry) ? gpu.uuid : gpu.entry;
  }
  out.sets_pci_order = visible.in_pci_order;
  out.text = std::to_string(out.gpus.size()) + " of " + gpu_count_text(visible.gpus.size());
  if (visible.is_unlisted) {
    out.text = gpu_count_text(out.gpus.size());
    out.warnings.emplace_back("GPUs cannot be counted without the driver's library here (WSL)");
    if (takes_all && out.gpus.empty()) {
      out.text = "all GPUs";
      return out;
    }
  }
  out.visible_devices = list;
  if (!list.empty()) out.text += " (" + list + ")";
  const bool any_mig = std::ranges::any_of(out.gpus, &VisibleGpu::has_mig);
  if (any_mig && out.gpus.size() > 1) {
    out.warnings.emplace_back(
        "a process uses one MIG instance, the first of those named: give each process its own");
  }
  return out;
}

}  // namespace eb
