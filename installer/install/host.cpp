#include "installer/install/host.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <sstream>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

std::string first_line(Sys& sys, const std::string& path) {
  const auto text = read_small_file(sys, AT_FDCWD, path, 4096);
  return text ? trimmed(text->substr(0, text->find('\n'))) : std::string();
}

// CPUs for a quota of `quota` microseconds in `period`; 0 = none or nonsense.
unsigned cpus_of(const std::string& quota, const std::string& period) {
  const auto q = parse_number(quota);
  const auto p = parse_number(period);
  if (!q || !p || *q == 0 || *p == 0) return 0;
  return static_cast<unsigned>(std::clamp<uint64_t>((*q + *p - 1) / *p, 1, 1u << 16));
}

unsigned lower(unsigned a, unsigned b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// The limit of one group and of all above it; `read` gives a group's own.
template <typename Read>
unsigned limit_upwards(std::string group, Read read) {
  unsigned limit = 0;
  for (unsigned depth = 0; depth < 64; ++depth) {
    limit = lower(limit, read(group == "/" ? std::string() : group));
    if (group.empty() || group == "/") break;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
  return limit;
}

}  // namespace

unsigned cgroup_cpu_limit(Sys& sys, const std::string& root) {
  const auto groups = read_small_file(sys, AT_FDCWD, root + "/proc/self/cgroup");
  if (!groups) return 0;
  unsigned limit = 0;
  for (const std::string& line : lines_of(*groups)) {
    // "ID:CONTROLLERS:PATH" (cgroups(7))
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      limit = lower(limit, limit_upwards(group, [&](const std::string& at) {
                      std::string path = root + "/sys/fs/cgroup";
                      path.append(at).append("/cpu.max");
                      std::istringstream in(first_line(sys, path));
                      std::string quota;
                      std::string period;
                      in >> quota >> period;
                      return cpus_of(quota, period);
                    }));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      limit = lower(limit, limit_upwards(group, [&](const std::string& at) {
                      std::string folder = root + "/sys/fs/cgroup/cpu";
                      folder += at;
                      return cpus_of(first_line(sys, folder + "/cpu.cfs_quota_us"),
                                     first_line(sys, folder + "/cpu.cfs_period_us"));
                    }));
    }
  }
  return limit;
}

std::string process_start(Sys& sys, const std::string& root, pid_t pid) {
  const std::string line = first_line(sys, root + "/proc/" + std::to_string(pid) + "/stat");
  // The program's name, in parentheses, may hold anything; fields are counted after its end
  // (proc(5): starttime is field 22, the one after the name is field 3).
  constexpr int kState = 3;
  constexpr int kThreads = 20;
  constexpr int kStart = 22;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream in(line.substr(name_end + 1));
  std::string field;
  bool has_ended = false;  // nobody asked after it yet, or its first thread ended before the others
  for (int number = kState; number <= kStart; ++number) {
    if (!(in >> field)) return {};
    if (number == kState) has_ended = field == "Z" || field == "X";
    if (number == kThreads && parse_number(field).value_or(0) > 1) has_ended = false;
  }
  return has_ended ? std::string() : field;
}

Host read_host(Sys& sys, std::string home, std::string root) {
  Host out;
  struct utsname name {};
  if (::uname(&name) == 0) {
    out.machine = name.machine;
    out.kernel = name.release;
    out.node = name.nodename;
  }
  out.machine_id = first_line(sys, root + "/etc/machine-id");
  out.boot_id = first_line(sys, root + "/proc/sys/kernel/random/boot_id");
  try {
    out.pid_namespace =
        read_link_at(sys, AT_FDCWD, (root + "/proc/self/ns/pid").c_str(), "pid namespace");
  } catch (const Error&) {
    // Stays unknown, as without /proc.
  }
  out.home = std::move(home);
  out.cpus = lower(available_cpus(), cgroup_cpu_limit(sys, root));
  out.uid = ::getuid();
  out.pid = ::getpid();
  out.now = std::time(nullptr);
  out.root = std::move(root);
  return out;
}

}  // namespace eb
