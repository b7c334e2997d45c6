#include "runtime/envrun/limits/user_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "runtime/envrun/core/program.hpp"
#include "runtime/envrun/limits/memory_group_place.hpp"

namespace eb {
namespace {

// The process that listens there; nullopt when nobody does. Never waits.
std::optional<pid_t> listener_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::nullopt;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool answers =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  close(fd);
  return answers ? std::optional(peer.pid) : std::nullopt;
}

// Of "0::/user.slice/…/user@1000.service/init.scope" the service.
std::string group_of_manager(const HostFiles& files, pid_t manager) {
  const std::string file = "/proc/" + std::to_string(manager) + "/cgroup";
  for (const std::string& line : text_lines(files.read(file).value_or(""))) {
    if (line.starts_with("0::/") && line.ends_with("/init.scope")) {
      return line.substr(3, line.rfind('/') - 3);
    }
  }
  return {};
}

}  // namespace

UserManager find_user_manager(const World& world, const HostFiles& files) {
  UserManager out;
  out.runtime_directory = world.variables.get("XDG_RUNTIME_DIR");
  if (out.runtime_directory.empty()) {
    out.runtime_directory = "/run/user/" + std::to_string(world.uid);
  }
  const auto manager = listener_of(world.root + out.runtime_directory + "/systemd/private");
  if (!manager) {
    out.why_none = "no systemd user manager answers";
    return out;
  }
  const MemoryGroupPlace own = own_memory_group(files);
  const std::string group = group_of_manager(files, *manager);
  out.group = own.mount_point + group;
  if (own.version != 2 || group.empty() ||
      !group_file_has(files, out.group + "/cgroup.controllers", "memory")) {
    out.why_none = "systemd's user manager may not limit memory (not delegated to it)";
    return out;
  }
  out.systemd_run =
      find_program(world.sys, "systemd-run", world.variables.get("PATH") + ":/usr/bin:/bin");
  if (out.systemd_run.empty()) out.why_none = "there is no program systemd-run";
  return out;
}

}  // namespace eb
