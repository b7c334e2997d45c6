#include <algorithm>

#include "runtime/envrun/doctor/control_group.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

constexpr uint64_t kLeastFiles = 4096;      // a data loader with 8 workers holds about 1000
constexpr uint64_t kLeastProcesses = 4096;  // threads count: OpenMP, data loaders, NCCL's proxies
constexpr uint64_t kLeastStack = 1u << 20;  // bytes
constexpr uint64_t kTightMemory = 4ull << 30;  // bytes; importing torch with CUDA takes about 1.5

std::string limit_text(uint64_t value, bool is_bytes) {
  if (value == kUnlimited) return "unlimited";
  return is_bytes ? memory_text(value) : std::to_string(value);
}

std::string both_text(const ResourceLimit& limit, bool is_bytes) {
  std::string out = limit_text(limit.soft, is_bytes);
  if (limit.hard != limit.soft)
    out += " (may be raised to " + limit_text(limit.hard, is_bytes) + ")";
  return out;
}

bool has_rdma(const Machine& machine) {
  return !machine.files.names("/sys/class/infiniband").empty();
}

void add_memlock(const Machine& machine, const ResourceLimit& limit, Observations& out) {
  const std::string text = both_text(limit, true);
  if (limit.soft == kUnlimited) {
    out.ok("locked memory", text);
    return;
  }
  const std::string cause = "RDMA registers its buffers as locked memory (ulimit -l)";
  std::vector<std::string> next;
  if (limit.hard == kUnlimited)
    next.emplace_back("ulimit -l unlimited, in the shell or job script");
  next.emplace_back(
      "root: 'memlock unlimited' in /etc/security/limits.d, LimitMEMLOCK=infinity for slurmd; "
      "Slurm: PropagateResourceLimitsExcept=MEMLOCK");
  if (has_rdma(machine)) {
    out.problem("locked memory", text,
                cause +
                    ": NCCL over InfiniBand fails with 'ibv_reg_mr failed' or 'Cannot allocate "
                    "memory'",
                std::move(next));
  } else {
    Observation& note = out.note("locked memory", text);
    note.cause = cause + "; this node has no such device";
  }
}

void add_least(const char* subject, const ResourceLimit& limit, uint64_t least, bool is_bytes,
               const char* cause, const std::string& option, Observations& out) {
  const std::string text = both_text(limit, is_bytes);
  if (limit.soft >= least) {
    out.ok(subject, text);
    return;
  }
  std::vector<std::string> next;
  const std::string unit = is_bytes ? std::to_string(least / 1024) : std::to_string(least);
  if (limit.hard > limit.soft) {
    next.push_back("ulimit " + option + " " +
                   (limit.hard >= least ? unit : limit_text(limit.hard, false)));
  }
  next.emplace_back("root: raise the hard limit in /etc/security/limits.d, and for slurmd");
  out.warning(subject, text, cause, std::move(next));
}

void add_resources(const Machine& machine, Observations& out) {
  const auto& limits = machine.facts.limits;
  const auto each = [&](const char* name, auto&& add) {
    if (const auto at = limits.find(name); at != limits.end()) add(at->second);
  };
  each("memlock", [&](const ResourceLimit& limit) { add_memlock(machine, limit, out); });
  each("nofile", [&](const ResourceLimit& limit) {
    add_least("open files", limit, kLeastFiles, false,
              "data loaders pass tensors as open files: 'Too many open files' when they run out",
              "-n", out);
  });
  each("nproc", [&](const ResourceLimit& limit) {
    add_least("processes", limit, kLeastProcesses, false,
              "threads of all this user's programs count: 'Resource temporarily unavailable' when "
              "they run out",
              "-u", out);
  });
  each("stack", [&](const ResourceLimit& limit) {
    add_least("stack", limit, kLeastStack, true, "deep recursion ends in a crash", "-s", out);
  });
  for (const auto& [name, subject, option] :
       {std::tuple{"as", "address space", "-v"}, std::tuple{"data", "data segment", "-d"}}) {
    each(name, [&, subject = subject, option = option](const ResourceLimit& limit) {
      if (limit.soft == kUnlimited) return;
      out.problem(subject, both_text(limit, true),
                  "CUDA reserves address space by far more than it uses: cuInit fails with out of "
                  "memory under such a limit",
                  {"ulimit " + std::string(option) +
                   " unlimited, or take the limit out of the job "
                   "(Slurm: VSizeFactor=0); --mem and --memory limit what is used"});
    });
  }
  each("fsize", [&](const ResourceLimit& limit) {
    if (limit.soft == kUnlimited) return;
    out.warning("file size", both_text(limit, true), "a checkpoint larger than that is cut off",
                {"ulimit -f unlimited"});
  });
}

void add_groups(const ControlGroup& group, Observations& out) {
  if (group.memory_limit) {
    const std::string text =
        memory_text(*group.memory_limit) +
        (group.memory_used ? ", " + memory_text(*group.memory_used) + " used" : "");
    if (*group.memory_limit < kTightMemory) {
      out.warning("memory", text, "a program that uses more is killed (" + group.memory_from + ")",
                  {"ask for more: --mem of sbatch or srun"});
    } else {
      out.ok("memory", text + " (cgroup)");
    }
  } else {
    out.ok("memory", "no limit but the machine's");
  }
  if (group.pids_limit) {
    const uint64_t used = group.pids_used.value_or(0);
    const std::string text =
        std::to_string(*group.pids_limit) + ", " + std::to_string(used) + " used";
    if (*group.pids_limit - std::min(used, *group.pids_limit) < 512) {
      out.warning("tasks", text, "processes and threads count: 'Resource temporarily unavailable'",
                  {"root: raise TasksMax (systemd: user slice, slurmd) or pids.max"});
    } else {
      out.ok("tasks", text + " (cgroup)");
    }
  }
}

void add_cpus(const Machine& machine, const ControlGroup& group, Observations& out) {
  const Facts& facts = machine.facts;
  if (facts.cpus_allowed == 0) return;
  std::string text = std::to_string(facts.cpus_allowed) + " of " +
                     std::to_string(std::max(facts.cpus_online, facts.cpus_allowed));
  if (group.cpu_quota) {
    text += ", time of " + std::to_string(*group.cpu_quota).substr(0, 4) + " (cgroup)";
  }
  if (facts.cpus_allowed == 1 && facts.cpus_online > 1) {
    out.warning("CPUs", text, "data loaders and all threads share one CPU",
                {"Slurm: --cpus-per-task=N, and srun --cpu-bind=none to see all of the job's"});
  } else if (group.cpu_quota && *group.cpu_quota + 0.5 < facts.cpus_allowed) {
    out.note("CPUs", text).cause =
        "programs count the CPUs, not the time: set OMP_NUM_THREADS to what there is";
  } else {
    out.ok("CPUs", text);
  }
}

}  // namespace

Observations examine_limits(const Machine& machine) {
  Observations out;
  add_resources(machine, out);
  const ControlGroup group = read_control_group(machine.files);
  add_groups(group, out);
  add_cpus(machine, group, out);
  return out;
}

}  // namespace eb
