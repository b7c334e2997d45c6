#pragma once

#include <string>
#include <vector>

#include "installer/driver/driver_probe.hpp"

namespace eb {

/// What a process could use of the GPUs of a probe, by devices, permissions and environment.
struct UsableGpus {
  std::vector<const Gpu*> gpus;      ///< into the probe: served, not excluded, visible, permitted
  std::string why_none;              ///< empty when there is a GPU and the way to it is open
  std::vector<std::string> hazards;  ///< what will make CUDA fail, with the way out in `remedies`
  std::vector<std::string> remedies;
  bool lacks_all_nodes = false;  ///< the driver is loaded and none of its devices is there
};

UsableGpus usable_gpus(const DriverProbe& probe);

/// "2 GPUs", "1 GPU".
std::string gpu_count_text(size_t count);

}  // namespace eb
