#include "runtime/metrics/cgroup.hpp"

#include <algorithm>

#include "runtime/metrics/bounded_file.hpp"

namespace eb::metrics {
namespace {

constexpr size_t kFileBytes = 4096;
constexpr int kMaxDepth = 64;
/// Version 1 has no word for "no limit": it says the highest multiple of a page.
constexpr double kNoLimitV1 = 9e18;

struct Names {
  const char* current;
  const char* max;
  const char* events;
};
constexpr Names kV2{"/memory.current", "/memory.max", "/memory.events"};
constexpr Names kV1{"/memory.usage_in_bytes", "/memory.limit_in_bytes", "/memory.oom_control"};

std::optional<double> number_in(const std::string& path) {
  const auto text = read_text(path, kFileBytes);
  return text ? leading_number(*text) : std::nullopt;
}

CgroupMemory read_group(const std::string& folder, const Names& names) {
  CgroupMemory out;
  out.current_bytes = number_in(folder + names.current);
  out.max_bytes = number_in(folder + names.max);
  if (out.max_bytes && *out.max_bytes > kNoLimitV1) out.max_bytes.reset();
  const std::string events = '\n' + read_text(folder + names.events, kFileBytes).value_or("");
  const size_t at = events.find("\noom_kill ");
  if (at != std::string::npos) out.oom_kills = leading_number(events.substr(at + 10));
  return out;
}

/// The path of the hierarchy whose line has `controllers` as its second field.
std::optional<std::string> group_path(std::string_view text, std::string_view controllers) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos || line.substr(first + 1, second - first - 1) != controllers) continue;
    const std::string path(line.substr(second + 1));
    // Seen from another cgroup namespace it leads out of what is mounted here.
    if (path.starts_with("/..")) return {};
    return path;
  }
  return {};
}

}  // namespace

CgroupMemory read_cgroup_memory(std::string_view proc_cgroup, const std::string& mount) {
  const Names* names = &kV1;
  std::string base = mount + "/memory";
  std::optional<std::string> path = group_path(proc_cgroup, "memory");
  if (!path) {
    names = &kV2;
    base = mount;
    path = group_path(proc_cgroup, "");
  }
  if (!path) return {};
  while (path->size() > 1 && path->ends_with('/')) path->pop_back();
  CgroupMemory out = read_group(base + *path, *names);
  for (int depth = 0; depth < kMaxDepth && path->size() > 1; ++depth) {
    path->resize(path->rfind('/'));
    const CgroupMemory above = read_group(base + *path, *names);
    if (above.max_bytes && (!out.max_bytes || *above.max_bytes < *out.max_bytes)) {
      out = above;
    }
  }
  return out;
}

std::string job_component(std::string_view proc_cgroup) {
  const size_t at = proc_cgroup.find("/job_");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = proc_cgroup.substr(at + 1);
  return std::string(rest.substr(0, rest.find_first_of("/\n")));
}

}  // namespace eb::metrics
