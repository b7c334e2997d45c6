#include "installer/driver/device_node.hpp"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

namespace eb {
namespace {

// "NAME:x:GID:…" lines of /etc/group, "NAME:x:UID:…" of /etc/passwd.
std::string name_of_id(const HostFiles& files, const char* table, unsigned id) {
  const auto text = files.read(table, 1u << 20);
  if (!text) return {};
  for (const std::string& line : text_lines(*text)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const size_t third = std::min(line.find(':', second + 1), line.size());
    if (number_of(std::string_view(line).substr(second + 1, third - second - 1)) == id) {
      return line.substr(0, first);
    }
  }
  return {};
}

std::optional<unsigned> major_in(const std::string& devices, std::string_view name) {
  for (const std::string& line : text_lines(devices)) {
    const std::string text = trimmed_text(line);
    const size_t blank = text.find(' ');
    if (blank == std::string::npos || std::string_view(text).substr(blank + 1) != name) continue;
    if (const auto major = number_of(text.substr(0, blank)); major && *major < 4096) {
      return static_cast<unsigned>(*major);
    }
  }
  return std::nullopt;
}

std::string mode_text(unsigned mode) {
  std::string out = "c";
  for (int shift = 6; shift >= 0; shift -= 3) {
    out += (mode >> shift & 4) != 0 ? 'r' : '-';
    out += (mode >> shift & 2) != 0 ? 'w' : '-';
    out += (mode >> shift & 1) != 0 ? 'x' : '-';
  }
  return out;
}

}  // namespace

DeviceNode read_device_node(const HostFiles& files, const std::string& path, int mode) {
  DeviceNode out;
  out.path = path;
  const auto info = files.info(path);
  if (!info) return out;
  out.exists = true;
  out.is_device = S_ISCHR(info->st_mode);
  out.mode = info->st_mode & 0777;
  out.uid = info->st_uid;
  out.gid = info->st_gid;
  out.group = out.gid == 0 ? "root" : name_of_id(files, "/etc/group", out.gid);
  if (out.is_device) {
    out.major_number = major(info->st_rdev);
    out.minor_number = minor(info->st_rdev);
  }
  out.access_error = files.access_error(path, mode);
  return out;
}

std::string node_text(const DeviceNode& node) {
  if (!node.exists) return "missing";
  if (!node.is_device) return "no device";
  std::string out = mode_text(node.mode) + " " +
                    (node.uid == 0 ? std::string("root") : std::to_string(node.uid)) + " " +
                    (node.group.empty() ? std::to_string(node.gid) : node.group) + " " +
                    std::to_string(node.major_number) + "," + std::to_string(node.minor_number);
  if (node.access_error != 0) out += ", " + errno_name(node.access_error) + " for this user";
  return out;
}

DriverNodes read_driver_nodes(const HostFiles& files) {
  DriverNodes out;
  out.control = read_device_node(files, "/dev/nvidiactl", R_OK | W_OK);
  out.uvm = read_device_node(files, "/dev/nvidia-uvm", R_OK | W_OK);
  if (const auto devices = files.read("/proc/devices")) {
    out.uvm_major = major_in(*devices, "nvidia-uvm");
    out.caps_major = major_in(*devices, "nvidia-caps");
  }
  constexpr std::string_view kPrefix = "nvidia";
  for (const std::string& name : files.names("/dev")) {
    if (!name.starts_with(kPrefix)) continue;
    const auto number = number_of(std::string_view(name).substr(kPrefix.size()));
    if (number && *number < 1024) out.gpu_minors.push_back(static_cast<unsigned>(*number));
  }
  std::ranges::sort(out.gpu_minors);
  for (const char* path : {"/usr/bin/nvidia-modprobe", "/sbin/nvidia-modprobe"}) {
    const auto info = files.info(path);
    if (info && S_ISREG(info->st_mode) && (info->st_mode & S_ISUID) != 0 && info->st_uid == 0) {
      out.can_make_nodes = true;
    }
  }
  return out;
}

}  // namespace eb
