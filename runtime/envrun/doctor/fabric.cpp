#include "runtime/envrun/doctor/fabric.hpp"

#include <unistd.h>

#include "installer/driver/loader_cache.hpp"

namespace eb {
namespace {

constexpr size_t kMaxCache = 8u << 20;

// "4: ACTIVE"
std::string after_colon(const std::string& text) {
  const size_t at = text.find(": ");
  return at == std::string::npos ? text : text.substr(at + 2);
}

std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void add_ports(const HostFiles& files, const std::string& device, Fabric& out) {
  const std::string folder = "/sys/class/infiniband/" + device;
  std::string driver;
  if (const auto real = files.real_path(folder + "/device/driver")) driver = last_of(*real);
  for (const std::string& port : files.names(folder + "/ports")) {
    const auto number = number_of(port);
    if (!number) continue;
    std::string at = folder + "/ports/";
    at += port;
    out.ports.push_back({.device = device,
                         .port = static_cast<unsigned>(*number),
                         .driver = driver,
                         .state = after_colon(files.first_line(at + "/state")),
                         .rate = files.first_line(at + "/rate"),
                         .link_layer = files.first_line(at + "/link_layer")});
  }
}

}  // namespace

Fabric read_fabric(const Machine& machine) {
  const HostFiles& files = machine.files;
  Fabric out;
  for (const std::string& device : files.names("/sys/class/infiniband")) {
    add_ports(files, device, out);
  }
  out.cxi = files.names("/sys/class/cxi");
  for (const std::string& name : files.names("/dev/infiniband")) {
    const std::string path = "/dev/infiniband/" + name;
    if (name.starts_with("uverbs") && files.access_error(path, R_OK | W_OK) != 0) {
      out.closed_nodes.push_back(path);
    }
  }
  out.has_peer_memory = files.exists("/sys/module/nvidia_peermem") ||
                        files.exists("/sys/module/nv_peer_mem") ||
                        files.exists("/sys/kernel/mm/memory_peers/nv_mem/version");
  return out;
}

std::string host_library(const Machine& machine, const std::string& soname) {
#if defined(__aarch64__)
  constexpr int32_t kFlags = kCacheAarch64;
  constexpr const char* kMultiarch = "aarch64-linux-gnu";
#else
  constexpr int32_t kFlags = kCacheX86_64;
  constexpr const char* kMultiarch = "x86_64-linux-gnu";
#endif
  const HostFiles& files = machine.files;
  if (const auto cache = files.read("/etc/ld.so.cache", kMaxCache)) {
    for (const std::string& path : cached_paths(*cache, soname, kFlags)) {
      if (files.exists(path)) return path;
    }
  }
  for (const std::string& folder :
       {std::string("/lib/") + kMultiarch, std::string("/usr/lib/") + kMultiarch,
        std::string("/lib64"), std::string("/usr/lib64")}) {
    std::string path = folder + "/";
    path += soname;
    if (files.exists(path)) return path;
  }
  return {};
}

}  // namespace eb
