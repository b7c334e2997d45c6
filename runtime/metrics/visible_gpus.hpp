#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb::metrics {

/// A GPU as far as CUDA_VISIBLE_DEVICES can name it.
struct GpuName {
  std::string uuid;                    ///< "GPU-…"; empty when it does not answer
  std::vector<std::string> mig_uuids;  ///< "MIG-…", those of its instances
};

/// Which GPUs are exported: all, or a list in the syntax of CUDA_VISIBLE_DEVICES.
struct GpuChoice {
  bool all = true;
  std::vector<std::string> entries;
};

/// `value` as of CUDA_VISIBLE_DEVICES: nullptr and "all" are all GPUs; "", "-1", "none",
/// "NoDevFiles" (Slurm's word for none) are none. Blanks around entries do not count.
GpuChoice parse_gpu_choice(const char* value);

struct ChosenGpu {
  size_t index;  ///< in the list of names
  /// Only these of its MIG devices; empty: the whole GPU.
  std::vector<std::string> mig_uuids;
};

/// The chosen of `gpus` (in NVML's order, by PCI bus), in that order, each once. As in CUDA
/// ("CUDA C++ Programming Guide", environment variables) an entry is an index, a UUID or the
/// beginning of exactly one UUID, and the first that names none ends the list. Indices are taken
/// as CUDA_DEVICE_ORDER=PCI_BUS_ID has them; between unlike GPUs CUDA's own order may be another.
std::vector<ChosenGpu> choose_gpus(const GpuChoice& choice, const std::vector<GpuName>& gpus);

}  // namespace eb::metrics
