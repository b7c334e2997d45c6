#pragma once

#include <string>
#include <vector>

#include "installer/driver/driver_probe.hpp"
#include "runtime/envrun/core/variables.hpp"

namespace eb {

/// A GPU, or MIG instance, that this process was given.
struct VisibleGpu {
  std::string entry = {};  ///< what CUDA_VISIBLE_DEVICES names it by: "0", "GPU-…", "MIG-…"
  std::string uuid = {};   ///< whole; empty = unknown
  std::string title = {};  ///< "NVIDIA H100 80GB HBM3"; empty = unknown
  int numa_node = -1;
  bool has_mig = false;  ///< a GPU in instances, or an instance itself

  bool operator==(const VisibleGpu&) const = default;
};

/// The GPUs of this job, in CUDA's order: those that device nodes and the cgroup allow, narrowed by
/// CUDA_VISIBLE_DEVICES, or else by what Slurm says that it gave (an salloc shell has no
/// CUDA_VISIBLE_DEVICES).
struct VisibleGpus {
  std::vector<VisibleGpu> gpus;
  /// Numbers count PCI addresses (CUDA_DEVICE_ORDER=PCI_BUS_ID): asked for, or right to ask for.
  /// Otherwise a number may mean another GPU to CUDA than the list says, and uuids are left empty.
  bool in_pci_order = true;
  /// WSL: GPUs are there and cannot be listed without the driver's library.
  bool is_unlisted = false;
  /// Devices and cgroup allow more GPUs than these: CUDA_VISIBLE_DEVICES or Slurm left some out.
  bool is_narrowed = false;
  std::string why_none;  ///< set where `gpus` is empty
  std::vector<std::string> remedies = {};
};

/// Pure. `variables` are the program's.
VisibleGpus visible_gpus(const DriverProbe& probe, const Variables& variables);

}  // namespace eb
