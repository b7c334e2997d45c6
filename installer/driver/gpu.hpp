#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "installer/driver/capability.hpp"
#include "installer/driver/device_node.hpp"

namespace eb {

/// One GPU as /proc/driver/nvidia/gpus and /sys/bus/pci show it.
struct Gpu {
  std::string pci;      ///< 0000:3b:00.0; empty for a Jetson's
  std::string name;     ///< NVIDIA H100 80GB HBM3; empty = unknown
  std::string uuid;     ///< GPU-…; empty = unknown
  uint16_t device = 0;  ///< PCI ids; 0 = unknown
  uint16_t subsystem = 0;
  int numa_node = -1;        ///< -1 = none or unknown
  std::string bound_driver;  ///< nvidia, nouveau, vfio-pci; empty = none or unknown
  bool is_served = false;    ///< NVIDIA's module lists it
  bool is_excluded = false;  ///< by the driver's option (GPU Excluded, once Blacklisted)
  std::string firmware;      ///< GPU Firmware; empty = none (older driver, or no GSP)
  std::optional<unsigned> minor_number;  ///< N of /dev/nvidiaN: not the CUDA ordinal
  DeviceNode node;
  std::optional<Capability> capability;
  std::string generation;  ///< Hopper; empty = unknown
  bool is_mig_capable = false;
  unsigned mig_instances = 0;         ///< compute instances
  unsigned usable_mig_instances = 0;  ///< of these, with access to both of their nodes

  /// Name, or what else can be said of it.
  std::string title() const;
};

struct GpuList {
  std::vector<Gpu> gpus;     ///< by PCI address
  unsigned nv_switches = 0;  ///< bridges of vendor 10de: they need the fabric manager
};

/// `nodes` tells of the minors in /dev.
GpuList read_gpus(const HostFiles& files, const DriverNodes& nodes, bool is_jetson);

/// Fields of a /proc/driver/nvidia/gpus/*/information file, old names and new.
void apply_gpu_information(std::string_view text, Gpu* gpu);

/// Do both mean the same device? The domain may be written with 4 or 8 digits, and some drivers cut
/// it to the lower 4 (NVIDIA/nvidia-docker issue 1316).
bool is_same_pci_address(std::string_view one, std::string_view two);

}  // namespace eb
