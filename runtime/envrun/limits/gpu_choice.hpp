#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/envrun/limits/gpu_request.hpp"
#include "runtime/envrun/limits/visible_gpus.hpp"

namespace eb {

/// What --gpus does to a program: values of variables. It narrows what a well-behaved program
/// sees; it is no isolation.
struct GpuChoice {
  std::vector<VisibleGpu> gpus = {};
  /// CUDA_VISIBLE_DEVICES; nullopt: stays as it is (all of what cannot be listed).
  std::optional<std::string> visible_devices;
  bool sets_pci_order = false;  ///< CUDA_DEVICE_ORDER=PCI_BUS_ID
  std::string text = {};        ///< for people: "2 of 8 GPUs (0,1)"
  std::vector<std::string> warnings = {};
};

/// The intersection of what is asked for and what the job was given; indices count within that, as
/// CUDA counts them. Never more than `visible`. Throws Error(kDriver) when a GPU is not there, with
/// a list of those that are.
GpuChoice choose_gpus(const GpuRequest& request, const VisibleGpus& visible);

}  // namespace eb
