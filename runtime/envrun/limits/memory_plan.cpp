#include "runtime/envrun/limits/memory_plan.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/machine_memory.hpp"
#include "runtime/envrun/limits/memory_size.hpp"

namespace eb {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kPage = 4096;  // the kernel keeps limits in whole pages

// SLURM_JOB_CPUS_PER_NODE is "4(x2),8"; this node's own number is in SLURM_CPUS_ON_NODE.
std::optional<uint64_t> slurm_cpus(const Variables& variables) {
  if (const auto cpus = number_of(variables.get("SLURM_CPUS_ON_NODE"))) return cpus;
  const std::string list = variables.get("SLURM_JOB_CPUS_PER_NODE");
  if (list.find(',') != std::string::npos) return std::nullopt;
  return number_of(list.substr(0, list.find('(')));
}

void refuse_more_than_given(uint64_t bytes, const MemoryFacts& facts) {
  const auto refuse = [&](uint64_t given, const std::string& by) {
    if (bytes / kPage <= given / kPage) return;
    Error error(ExitCode::kUnsupportedFs, "--memory asks for " + memory_size_text(bytes) +
                                              ", and this job has " + memory_size_text(given));
    error.why(by);
    error.hint("--memory only narrows what the job was given");
    if (facts.in_slurm_job) error.hint("ask Slurm for more: sbatch --mem=SIZE, or --mem-per-cpu");
    throw Error(error);
  };
  if (facts.slurm_bytes) refuse(*facts.slurm_bytes, "Slurm's variables say so (SLURM_MEM_PER_…)");
  if (facts.own.limit) refuse(*facts.own.limit, "limit of the control group " + facts.own.path);
}

}  // namespace

std::optional<uint64_t> slurm_memory(const Variables& variables) {
  if (const auto node = number_of(variables.get("SLURM_MEM_PER_NODE")); node && *node > 0) {
    return *node * kMiB;
  }
  const auto each = number_of(variables.get("SLURM_MEM_PER_CPU"));
  const auto cpus = slurm_cpus(variables);
  if (each && cpus && *each > 0 && *cpus > 0) return *each * *cpus * kMiB;
  return std::nullopt;
}

MemoryFacts read_memory_facts(const World& world, const HostFiles& files) {
  MemoryFacts out;
  out.in_slurm_job = world.variables.find("SLURM_JOB_ID").has_value();
  if (out.in_slurm_job) out.slurm_bytes = slurm_memory(world.variables);
  out.own = own_memory_group(files);
  out.site = find_group_site(files, out.own, out.in_slurm_job);
  if (out.in_slurm_job) {
    out.manager.why_none = "a systemd scope would leave the Slurm job";
  } else {
    out.manager = find_user_manager(world, files);
  }
  out.machine_bytes = machine_memory(files);
  return out;
}

MemoryPlan plan_memory(uint64_t bytes, const MemoryFacts& facts) {
  refuse_more_than_given(bytes, facts);
  MemoryPlan out{.bytes = bytes};
  const std::string size = memory_size_text(bytes);
  if (facts.machine_bytes > 0 && bytes > facts.machine_bytes) {
    out.warnings.push_back("--memory " + size + " is more than this machine has (" +
                           memory_size_text(facts.machine_bytes) + ")");
  }
  if (facts.own.limit && bytes / kPage == *facts.own.limit / kPage) {
    out.means = MemoryMeans::kOwnLimit;
    out.text = size + (facts.in_slurm_job ? " by Slurm: it is the job's own limit"
                                          : " by the control group that envrun was started in");
    return out;
  }
  if (!facts.manager.systemd_run.empty()) {
    out.means = MemoryMeans::kScope;
    out.manager = facts.manager;
    out.text = size + " by systemd, in a scope";
    return out;
  }
  out.why_not_better.push_back(facts.manager.why_none);
  if (!facts.site.parent.empty()) {
    out.means = MemoryMeans::kGroup;
    out.site = facts.site;
    out.text = size + " by a control group" + (facts.in_slurm_job ? " inside the Slurm job" : "");
    return out;
  }
  out.why_not_better.push_back(facts.site.why_none);
  out.text = size + " by a watchdog: soft, it may be passed for up to a second";
  return out;
}

}  // namespace eb
