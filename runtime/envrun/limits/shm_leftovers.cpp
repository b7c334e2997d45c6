#include "runtime/envrun/limits/shm_leftovers.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "installer/driver/host_files.hpp"

namespace eb {
namespace {

constexpr char kShm[] = "/dev/shm";

// Files of /dev/shm that a process has open or mapped; nullopt when it does not let itself be
// looked at. A process that ended meanwhile holds nothing.
std::optional<std::vector<std::string>> held_by(const HostFiles& files, const std::string& root,
                                                const std::string& process) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    const std::string prefix = std::string(kShm) + "/";
    if (path.starts_with(prefix)) out.push_back(path.substr(prefix.size()));
  };
  const auto is_gone = [&] { return !files.exists(process); };
  const std::string maps = process + "/maps";
  const auto text = files.read(maps, 16u << 20);
  if (!text) return is_gone() ? std::optional(out) : std::nullopt;
  for (const std::string& line : text_lines(*text)) {
    const size_t slash = line.find('/');
    if (slash != std::string::npos) add(line.substr(slash));
  }
  if (files.access_error(process + "/fd", R_OK) != 0) {
    return is_gone() ? std::optional(out) : std::nullopt;
  }
  const std::string folder = root + process + "/fd/";
  for (const std::string& name : files.names(process + "/fd")) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = files.sys().readlinkat(AT_FDCWD, std::string(folder).append(name).c_str(),
                                                target.data(), target.size());
    if (size > 0) add(std::string(target.data(), static_cast<size_t>(size)));
  }
  return out;
}

}  // namespace

bool is_library_shm(const std::string& name) {
  return name.starts_with("nccl-") || name.starts_with("torch_") || name.starts_with("sem.mp-");
}

ShmLeftovers::ShmLeftovers(World& world) : world_(&world) {
  for (std::string& name : HostFiles(world.sys, world.root).names(kShm)) {
    before_.insert(std::move(name));
  }
}

std::vector<std::string> ShmLeftovers::remove() const {
  const HostFiles files(world_->sys, world_->root);
  const auto is_ours = [&](const std::string& path) {
    const auto info = files.info(path);
    return info && info->st_uid == world_->uid;
  };
  std::set<std::string> left;
  for (const std::string& name : files.names(kShm)) {
    if (is_library_shm(name) && !before_.contains(name) &&
        is_ours(std::string(kShm).append("/").append(name))) {
      left.insert(name);
    }
  }
  if (left.empty()) return {};
  for (const std::string& name : files.names("/proc")) {
    const std::string process = "/proc/" + name;
    if (!number_of(name) || !is_ours(process)) continue;
    const auto held = held_by(files, world_->root, process);
    if (!held) return {};
    for (const std::string& file : *held) left.erase(file);
  }
  std::vector<std::string> out;
  for (const std::string& name : left) {
    const std::string path = world_->root + kShm + "/" + name;
    if (world_->sys.unlinkat(AT_FDCWD, path.c_str(), 0) == 0) out.push_back(name);
  }
  return out;
}

}  // namespace eb
