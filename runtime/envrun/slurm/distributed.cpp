#include "runtime/envrun/slurm/distributed.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cctype>

#include "installer/base/error.hpp"
#include "installer/base/file.hpp"
#include "runtime/envrun/slurm/torchrun_plan.hpp"

namespace eb {

std::optional<SlurmJob> distributed_job(const Session& session, const std::string& subcommand) {
  std::optional<SlurmJob> job = read_slurm_job(session.world.variables);
  if (job && job->is_step() && job->tasks_per_node > 1) {
    throw Error(ExitCode::kUsage, "envrun " + subcommand + " is started once on each node")
        .why("srun has started " + std::to_string(job->tasks_per_node) + " tasks on a node")
        .hint("srun --ntasks-per-node=1 --cpus-per-task=... envrun " + subcommand + " ...")
        .hint("or call it in the batch script without srun: it then calls srun itself");
  }
  return job;
}

bool needs_srun(const std::optional<SlurmJob>& job) {
  return job && !job->is_step() && job->nodes.size() > 1;
}

int run_on_all_nodes(Session& session, const SlurmJob& job,
                     const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {session.place.bin("envrun")};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {option, value});
  };
  add("--gpus", session.limits.gpus);
  add("--memory", session.limits.memory);
  add("--shm-size", session.limits.shm_size);
  add("--cpus", session.limits.cpus);
  command.insert(command.end(), arguments.begin(), arguments.end());
  Program program{.path = {},
                  .arguments = srun_once_a_node(job, command),
                  .variables = session.world.variables};
  program.path = find_program(session.world.sys, "srun", program.variables.get("PATH"));
  if (program.path.empty()) {
    throw Error(ExitCode::kUsage, "srun is not found")
        .why("the job has " + std::to_string(job.nodes.size()) +
             " nodes, and srun starts programs on them; it is not on PATH")
        .hint("put the directory of srun on PATH, for example with the site's slurm module");
  }
  tell(session.world,
       "starting on " + std::to_string(job.nodes.size()) + " nodes with srun, one task a node");
  return session.world.execute(program);
}

bool sees_gpus(const World& world) {
  const auto visible = world.variables.find("CUDA_VISIBLE_DEVICES");
  // Slurm writes NoDevFiles for a job without GPUs.
  if (visible && (visible->empty() || visible->starts_with("-") || *visible == "NoDevFiles")) {
    return false;
  }
  if (world.sys.faccessat(AT_FDCWD, (world.root + "/dev/dxg").c_str(), F_OK) == 0) return true;
  const int fd = world.sys.openat(AT_FDCWD, (world.root + "/dev").c_str(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  const Fd dir(world.sys, fd);
  std::vector<DirEntry> entries;
  world.sys.list(fd, &entries);
  return std::ranges::any_of(entries, [](const DirEntry& entry) {
    return entry.name.starts_with("nvidia") && entry.name.size() > 6 &&
           std::isdigit(static_cast<unsigned char>(entry.name[6])) != 0;
  });
}

}  // namespace eb
