#include <unistd.h>

#include <cerrno>

#include "installer/base/version.hpp"
#include "installer/format/index.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

constexpr int64_t kDay = 86400;  // seconds

void add_kernel(const Machine& machine, const std::map<std::string, std::string>& meta,
                Observations& out) {
  const std::string& kernel = machine.facts.kernel;
  const auto at = meta.find(meta_key::kMinKernel);
  const auto has = DottedVersion::parse_prefix(kernel);
  const auto needs = at == meta.end() ? std::nullopt : DottedVersion::parse(at->second);
  if (has && needs && *has < *needs) {
    out.problem("kernel", "Linux " + kernel, "this environment needs " + at->second + " or newer",
                {"use a newer node, or an environment made for older ones"});
  } else {
    out.ok("kernel", "Linux " + kernel);
  }
}

void add_clock(const Machine& machine, const std::map<std::string, std::string>& meta,
               Observations& out) {
  const auto at = meta.find(meta_key::kEpoch);
  const auto epoch = at == meta.end() ? std::nullopt : number_of(at->second);
  const int64_t now = machine.facts.now;
  if (epoch && now + kDay < static_cast<int64_t>(*epoch)) {
    out.problem("clock", "earlier than the day this environment was made",
                "certificates and signatures count as not yet valid; files get wrong times",
                {"root: set the clock (chronyc makestep, timedatectl)"});
  } else {
    out.ok("clock", "plausible");
  }
}

void add_namespaces(const Machine& machine, Observations& out) {
  const auto& error = machine.facts.user_namespace_error;
  if (!error) return;
  if (*error == 0) {
    out.ok("user namespaces", "may be made: --shm-size and image mounts work without root");
    return;
  }
  std::string why = "kernel setting or security module";
  if (machine.files.first_line("/proc/sys/user/max_user_namespaces") == "0") {
    why = "user.max_user_namespaces is 0";
  } else if (machine.files.first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    why = "kernel.unprivileged_userns_clone is 0";
  } else if (machine.files.first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") ==
             "1") {
    why = "kernel.apparmor_restrict_unprivileged_userns is 1";
  }
  out.note("user namespaces", "may not be made (" + errno_name(*error) + "): " + why).cause =
      "--shm-size can only check /dev/shm, not enlarge it; everything else works";
}

void add_fuse(const Machine& machine, Observations& out) {
  if (!machine.files.exists("/dev/fuse")) {
    out.note("FUSE", "no /dev/fuse: an image cannot be mounted, it is unpacked instead");
    return;
  }
  std::string helper;
  for (const char* path : {"/usr/bin/fusermount3", "/bin/fusermount3", "/usr/bin/fusermount"}) {
    const auto info = machine.files.info(path);
    if (info && (info->st_mode & S_ISUID) != 0) helper = path;
    if (!helper.empty()) break;
  }
  const bool may_open = machine.files.access_error("/dev/fuse", R_OK | W_OK) == 0;
  if (!may_open) {
    out.note("FUSE", "/dev/fuse may not be used by this user");
  } else if (helper.empty()) {
    const bool has_namespaces = machine.facts.user_namespace_error == 0;
    out.note("FUSE", std::string("no set-uid fusermount3; mounts ") +
                         (has_namespaces ? "work inside a user namespace" : "are not possible"));
  } else {
    out.ok("FUSE", helper);
  }
}

void add_sandbox(const Machine& machine, Observations& out) {
  const auto status = machine.files.read("/proc/self/status");
  if (!status) {
    out.warning("/proc", "cannot be read", "programs find their own files and limits through it",
                {"root: mount -t proc proc /proc; in a sandbox: allow it"});
  }
  if (machine.files.first_line("/proc/sys/crypto/fips_enabled") == "1") {
    out.note("FIPS", "on").cause =
        "Python's hashlib may refuse md5; an SSH server needs an ECDSA host key";
  }
}

}  // namespace

Observations examine_system(const Machine& machine) {
  Observations out;
  const auto meta = machine.meta.value_or(std::map<std::string, std::string>{});
  add_kernel(machine, meta, out);
  add_clock(machine, meta, out);
  add_namespaces(machine, out);
  add_fuse(machine, out);
  add_sandbox(machine, out);
  return out;
}

Observations examine_job(const Machine& machine) {
  Observations out;
  const Variables& variables = machine.variables;
  const std::string id = variables.get("SLURM_JOB_ID");
  if (id.empty()) {
    out.note("job", "none of Slurm");
    return out;
  }
  const auto say = [&](const char* subject, const char* name, const char* unit) {
    if (const auto value = variables.find(name)) out.note(subject, *value + unit);
  };
  out.note("job",
           id + ", step " +
               (variables.get("SLURM_STEP_ID").empty() ? "none" : variables.get("SLURM_STEP_ID")) +
               " on " + variables.get("SLURM_JOB_NODELIST"));
  say("nodes", "SLURM_JOB_NUM_NODES", "");
  say("tasks", "SLURM_NTASKS", "");
  say("CPUs a task", "SLURM_CPUS_PER_TASK", "");
  say("CPUs here", "SLURM_CPUS_ON_NODE", "");
  say("memory a node", "SLURM_MEM_PER_NODE", " MB");
  say("memory a CPU", "SLURM_MEM_PER_CPU", " MB");
  const std::string gpus = variables.get("SLURM_JOB_GPUS") + variables.get("SLURM_STEP_GPUS");
  if (gpus.empty()) {
    out.note("GPUs", "Slurm names none for this job").next = {
        "--gpus=N or --gres=gpu:N of sbatch and srun"};
  } else {
    say("GPUs", variables.find("SLURM_STEP_GPUS") ? "SLURM_STEP_GPUS" : "SLURM_JOB_GPUS", "");
  }
  if (variables.get("SLURM_EXPORT_ENV") == "NONE") {
    out.note("variables", "--export=NONE").cause =
        "srun passes no variables on: name programs by their whole paths, or srun --export=ALL";
  }
  return out;
}

}  // namespace eb
