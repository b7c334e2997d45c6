#pragma once

#include <string>
#include <vector>

#include "runtime/envrun/doctor/machine.hpp"

namespace eb {

/// One port of one RDMA device, as /sys/class/infiniband shows it.
struct FabricPort {
  std::string device;  ///< mlx5_0, efa_0
  unsigned port = 1;
  std::string driver;      ///< mlx5_core, efa, irdma; empty = unknown
  std::string state;       ///< ACTIVE, DOWN, INIT
  std::string rate;        ///< "200 Gb/sec (4X HDR)"
  std::string link_layer;  ///< InfiniBand, Ethernet
  bool is_active() const { return state == "ACTIVE"; }
  bool is_efa() const { return driver == "efa"; }
};

struct Fabric {
  std::vector<FabricPort> ports;
  std::vector<std::string> cxi;           ///< cxi0: Slingshot
  std::vector<std::string> closed_nodes;  ///< /dev/infiniband/uverbs0 that this user may not use
  bool has_peer_memory = false;           ///< nvidia_peermem or its forerunner is loaded
};
Fabric read_fabric(const Machine& machine);

/// Where a program of the release finds a shared library that the release does not have: the paths
/// of the host's loader cache and its system folders. LD_LIBRARY_PATH is not among them: the
/// launcher passes it by (runtime/launcher/README.md). Empty when there is none.
std::string host_library(const Machine& machine, const std::string& soname);

}  // namespace eb
