#include "runtime/envrun/limits/cpu_choice.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <set>

#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr unsigned kBits = std::numeric_limits<unsigned long>::digits;

CpuList own_affinity() {
  // The kernel wants room for all CPUs that it could have.
  CpuMask mask(8192 / kBits);
  CpuList out;
  if (sched_getaffinity(0, mask.size() * sizeof(unsigned long),
                        reinterpret_cast<cpu_set_t*>(mask.data())) != 0) {
    return out;
  }
  for (unsigned cpu = 0; cpu < 8192; ++cpu) {
    if ((mask[cpu / kBits] >> cpu % kBits & 1) != 0) out.push_back(cpu);
  }
  return out;
}

CpuList list_in(const HostFiles& files, const std::string& path) {
  return parse_cpu_list(files.first_line(path)).value_or(CpuList{});
}

// Pinned processes are those that may run on a part of the allowed CPUs only.
void count_taken(const HostFiles& files, uid_t uid, CpuFacts* out) {
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  for (const std::string& name : files.names("/proc")) {
    const std::string process = "/proc/" + name;
    const auto info = number_of(name) ? files.info(process) : std::nullopt;
    if (!info || info->st_uid != uid) continue;
    for (const std::string& line : text_lines(files.read(process + "/status", 8192).value_or(""))) {
      if (!line.starts_with(kKey)) continue;
      const auto cpus = parse_cpu_list(trimmed_text(line.substr(kKey.size())));
      if (!cpus || std::ranges::includes(*cpus, out->allowed)) continue;
      for (const unsigned cpu : *cpus) ++out->taken[cpu];
    }
  }
}

// The allowed CPUs of each core, the best core first.
std::vector<CpuList> ranked_cores(const CpuFacts& facts, const std::vector<int>& near_nodes) {
  const std::set<unsigned> allowed(facts.allowed.begin(), facts.allowed.end());
  std::set<unsigned> seen;
  std::vector<CpuList> cores;
  const auto add = [&](const CpuList& core) {
    CpuList usable;
    for (const unsigned cpu : core) {
      if (allowed.contains(cpu) && seen.insert(cpu).second) usable.push_back(cpu);
    }
    if (!usable.empty()) cores.push_back(std::move(usable));
  };
  for (const CpuList& core : facts.cores) add(core);
  for (const unsigned cpu : facts.allowed) add({cpu});  // where no topology is told
  const auto is_far = [&](const CpuList& core) {
    return !near_nodes.empty() && std::ranges::none_of(near_nodes, [&](int node) {
      const auto at = facts.nodes.find(node);
      return at != facts.nodes.end() && std::ranges::binary_search(at->second, core.front());
    });
  };
  const auto load = [&](const CpuList& core) {
    int out = 0;
    for (const unsigned cpu : core) {
      const auto at = facts.taken.find(cpu);
      if (at != facts.taken.end()) out += at->second;
    }
    return out;
  };
  std::ranges::stable_sort(cores, {}, [&](const CpuList& core) {
    return std::tuple(load(core) > 0, is_far(core), load(core), core.front());
  });
  return cores;
}

}  // namespace

CpuFacts read_cpu_facts(const HostFiles& files, uid_t uid) {
  CpuFacts out;
  out.allowed = own_affinity();
  std::set<CpuList> cores;
  for (const unsigned cpu : out.allowed) {
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    CpuList core = list_in(files, topology + "core_cpus_list");  // from Linux 5.3
    if (core.empty()) core = list_in(files, topology + "thread_siblings_list");
    if (!core.empty()) cores.insert(std::move(core));
  }
  out.cores.assign(cores.begin(), cores.end());
  for (const std::string& name : files.names("/sys/devices/system/node")) {
    const auto node = name.starts_with("node") ? number_of(name.substr(4)) : std::nullopt;
    if (node && *node < 4096) {
      out.nodes[static_cast<int>(*node)] =
          list_in(files, "/sys/devices/system/node/" + name + "/cpulist");
    }
  }
  count_taken(files, uid, &out);
  return out;
}

CpuList choose_cpus(const CpuRequest& request, const CpuFacts& facts,
                    const std::vector<int>& near_nodes) {
  const auto refuse = [&](const std::string& what) {
    return Error(ExitCode::kUnsupportedFs, what)
        .why("given to this job: " + std::to_string(facts.allowed.size()) + " (CPUs " +
             cpu_list_text(facts.allowed) + ")")
        .hint("--cpus only narrows what the job was given");
  };
  if (request.count == 0) {
    for (const unsigned cpu : request.cpus) {
      if (!std::ranges::binary_search(facts.allowed, cpu)) {
        throw refuse("there is no CPU " + std::to_string(cpu) + " in this job");
      }
    }
    return request.cpus;
  }
  if (request.count > facts.allowed.size()) {
    throw refuse("--cpus " + std::to_string(request.count) + " is more than this job has");
  }
  CpuList out;
  for (const CpuList& core : ranked_cores(facts, near_nodes)) {
    for (const unsigned cpu : core) {
      if (out.size() < request.count) out.push_back(cpu);
    }
  }
  std::ranges::sort(out);
  return out;
}

CpuMask cpu_mask(const CpuList& cpus) {
  CpuMask out(8192 / kBits);
  for (const unsigned cpu : cpus) out.at(cpu / kBits) |= 1ul << cpu % kBits;
  return out;
}

int set_affinity(const CpuMask& mask) {
  return sched_setaffinity(0, mask.size() * sizeof(unsigned long),
                           reinterpret_cast<const cpu_set_t*>(mask.data())) == 0
             ? 0
             : errno;
}

}  // namespace eb
