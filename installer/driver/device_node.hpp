#pragma once

#include <optional>
#include <string>
#include <vector>

#include "installer/driver/host_files.hpp"

namespace eb {

/// A file below /dev as this user sees it. Nothing is opened: access(2) asks the modes and the
/// cgroup's device rules alike, and wakes no GPU.
struct DeviceNode {
  std::string path;
  bool exists = false;
  bool is_device = false;  ///< a character device
  unsigned mode = 0;       ///< permission bits
  unsigned uid = 0;
  unsigned gid = 0;
  std::string group;  ///< name of gid; empty = unknown
  unsigned major_number = 0;
  unsigned minor_number = 0;
  int access_error = 0;  ///< 0, or the errno that stops this user from using it

  bool is_usable() const { return exists && is_device && access_error == 0; }
};

/// `mode`: R_OK | W_OK, or R_OK for /dev/nvidia-caps.
DeviceNode read_device_node(const HostFiles& files, const std::string& path, int mode);

/// "crw-rw---- root video 195,0", "missing", "…, EPERM for this user".
std::string node_text(const DeviceNode& node);

/// The devices that the driver needs besides those of the GPUs (FACTS §3.1, number 5).
struct DriverNodes {
  DeviceNode control;                  ///< /dev/nvidiactl
  DeviceNode uvm;                      ///< /dev/nvidia-uvm
  std::optional<unsigned> uvm_major;   ///< of nvidia-uvm in /proc/devices: its module is loaded
  std::optional<unsigned> caps_major;  ///< of nvidia-caps
  std::vector<unsigned> gpu_minors;    ///< N of every /dev/nvidiaN, ascending
  bool can_make_nodes = false;         ///< a set-uid nvidia-modprobe: nodes appear on first use
};

DriverNodes read_driver_nodes(const HostFiles& files);

}  // namespace eb
