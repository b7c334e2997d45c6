#include "runtime/envrun/doctor/control_group.hpp"

#include <sstream>

namespace eb {
namespace {

constexpr uint64_t kNoLimitV1 = 1ull << 60;  // version 1 writes a huge number for "none"
constexpr int kMostLevels = 64;

// "max" and what cannot be read are no limit.
std::optional<uint64_t> limit_in(const HostFiles& files, const std::string& path) {
  const auto value = number_of(files.first_line(path));
  if (!value || *value >= kNoLimitV1) return std::nullopt;
  return value;
}

class Reader {
 public:
  Reader(const HostFiles& files, ControlGroup& out) : files_(files), out_(out) {}

  void memory(const std::string& folder, const char* limit, const char* used) {
    const auto value = limit_in(files_, folder + limit);
    if (!value || (out_.memory_limit && *out_.memory_limit <= *value)) return;
    out_.memory_limit = value;
    out_.memory_used = number_of(files_.first_line(folder + used));
    out_.memory_from = folder;
  }
  void pids(const std::string& folder) {
    const auto value = limit_in(files_, folder + "/pids.max");
    if (!value || (out_.pids_limit && *out_.pids_limit <= *value)) return;
    out_.pids_limit = value;
    out_.pids_used = number_of(files_.first_line(folder + "/pids.current"));
  }
  void cpu(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
    if (!quota || !period || *period == 0) return;
    const double cpus = static_cast<double>(*quota) / static_cast<double>(*period);
    if (!out_.cpu_quota || cpus < *out_.cpu_quota) out_.cpu_quota = cpus;
  }
  void version2(const std::string& folder) {
    memory(folder, "/memory.max", "/memory.current");
    pids(folder);
    std::istringstream in(files_.first_line(folder + "/cpu.max"));
    std::string quota;
    std::string period;
    in >> quota >> period;
    cpu(number_of(quota), number_of(period));
  }
  void version1(const std::string& controllers, const std::string& below) {
    const auto has = [&](const char* name) {
      return ("," + controllers + ",").find("," + std::string(name) + ",") != std::string::npos;
    };
    if (has("memory")) {
      memory("/sys/fs/cgroup/memory" + below, "/memory.limit_in_bytes", "/memory.usage_in_bytes");
    }
    if (has("pids")) pids("/sys/fs/cgroup/pids" + below);
    if (has("cpu")) {
      const std::string folder = "/sys/fs/cgroup/cpu" + below;
      cpu(number_of(files_.first_line(folder + "/cpu.cfs_quota_us")),
          number_of(files_.first_line(folder + "/cpu.cfs_period_us")));
    }
  }

 private:
  const HostFiles& files_;
  ControlGroup& out_;
};

}  // namespace

ControlGroup read_control_group(const HostFiles& files) {
  ControlGroup out;
  Reader reader(files, out);
  const auto text = files.read("/proc/self/cgroup");
  if (!text) return out;
  for (const std::string& line : text_lines(*text)) {
    // ID:CONTROLLERS:PATH (cgroups(7)); 0::PATH is version 2.
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    for (int level = 0; level < kMostLevels; ++level) {
      if (controllers.empty()) {
        reader.version2("/sys/fs/cgroup" + path);
        reader.version2("/sys/fs/cgroup/unified" + path);
      } else {
        reader.version1(controllers, path);
      }
      if (path.empty()) break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return out;
}

}  // namespace eb
