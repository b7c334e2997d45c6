#include "runtime/envrun/slurm/torchrun_plan.hpp"

#include <algorithm>
#include <array>

namespace eb {
namespace {

// torchrun's options that take no value (torch/distributed/run.py); all others do.
constexpr std::array kFlags = {"-h",          "--help",     "-m",           "--module",
                               "--no-python", "--run-path", "--standalone", "--virtual-local-rank"};

bool is_flag(const std::string& name) { return std::ranges::find(kFlags, name) != kFlags.end(); }

bool has(const std::vector<std::string>& options, const std::string& name) {
  return std::ranges::find(options, name) != options.end();
}

}  // namespace

std::vector<std::string> torchrun_options(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-' || argument == "--") break;
    const size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    std::ranges::replace(name, '_', '-');
    if (equals == std::string::npos && !is_flag(name)) ++i;
    out.push_back(std::move(name));
  }
  return out;
}

std::vector<std::string> plan_torchrun(const std::optional<SlurmJob>& job, bool has_gpus,
                                       const std::vector<std::string>& arguments) {
  const std::vector<std::string> given = torchrun_options(arguments);
  std::vector<std::string> out;
  if (has(given, "--help") || has(given, "-h")) return arguments;
  const bool has_rendezvous = std::ranges::any_of(given, [](const std::string& name) {
    return name == "--standalone" || name == "--master-addr" || name == "--node-rank" ||
           name == "--rdzv-backend" || name == "--rdzv-endpoint";
  });
  const bool is_many = job && job->nodes.size() > 1;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!has(given, name)) out.push_back(name + "=" + value);
  };
  if (!has_rendezvous && !is_many && !has(given, "--nnodes")) out.emplace_back("--standalone");
  if (is_many && !has(given, "--standalone")) {
    add("--nnodes", std::to_string(job->nodes.size()));
    if (!has_rendezvous) {
      add("--rdzv-backend", "c10d");
      add("--rdzv-endpoint", job->nodes.front() + ":" + std::to_string(rendezvous_port(*job)));
      add("--rdzv-id", job->id + "." + job->step);
      // torchrun compares names and addresses to find out who serves; Slurm knows.
      add("--rdzv-conf", std::string("is_host=") + (job->node_id == 0 ? "1" : "0"));
    }
  }
  if (has_gpus) add("--nproc-per-node", "gpu");
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

std::vector<std::string> srun_once_a_node(const SlurmJob& job,
                                          const std::vector<std::string>& command) {
  const std::string nodes = std::to_string(job.nodes.size());
  std::vector<std::string> out = {
      "srun",         "--nodes=" + nodes,    "--ntasks=" + nodes, "--ntasks-per-node=1",
      "--export=ALL", "--kill-on-bad-exit=1"};
  if (job.cpus_per_node > 0) {
    out.push_back("--cpus-per-task=" + std::to_string(job.cpus_per_node));
  }
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

}  // namespace eb
