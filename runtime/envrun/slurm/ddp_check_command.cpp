#include <memory>

#include "runtime/envrun/limits/start.hpp"
#include "runtime/envrun/slurm/distributed.hpp"
#include "runtime/envrun/slurm/slurm_commands.hpp"

namespace eb {
namespace {

struct DdpCheckOptions {
  bool json = false;
  unsigned processes = 0;   ///< on each node; 0 = one a GPU, without GPUs two
  unsigned seconds = 120;   ///< for all of it
  unsigned mebibytes = 32;  ///< of the array whose sum is timed
  std::string backend;
};

std::vector<std::string> arguments_of(const DdpCheckOptions& options) {
  std::vector<std::string> out = {"--seconds", std::to_string(options.seconds), "--mebibytes",
                                  std::to_string(options.mebibytes)};
  if (options.processes > 0) {
    out.insert(out.end(), {"--processes", std::to_string(options.processes)});
  }
  if (!options.backend.empty()) out.insert(out.end(), {"--backend", options.backend});
  if (options.json) out.emplace_back("--json");
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ",") + name;
  return out;
}

int ddp_check(Session& session, const DdpCheckOptions& options) {
  const auto job = distributed_job(session, "ddp-check");
  std::vector<std::string> arguments = arguments_of(options);
  if (needs_srun(job)) {
    arguments.insert(arguments.begin(), "ddp-check");
    return run_on_all_nodes(session, *job, arguments);
  }
  arguments.insert(arguments.begin(),
                   {"python3", "-I", session.place.at("libexec/envbundle/ddp_check.py")});
  if (job && job->nodes.size() > 1) {
    arguments.insert(arguments.end(),
                     {"--nodes", joined(job->nodes), "--node", std::to_string(job->node_id),
                      "--port", std::to_string(rendezvous_port(*job))});
  }
  return start(session, session.program(std::move(arguments)));
}

}  // namespace

Action add_ddp_check(CLI::App& app) {
  auto options = std::make_shared<DdpCheckOptions>();
  app.add_flag("--json", options->json, "the result as one JSON record");
  app.add_option("--processes", options->processes,
                 "processes on each node (default: one a GPU; without GPUs 2)")
      ->check(CLI::Range(1u, 1024u))
      ->type_name("N");
  app.add_option("--backend", options->backend, "gloo or nccl (default: nccl where there are GPUs)")
      ->check(CLI::IsMember({"gloo", "nccl"}))
      ->type_name("NAME");
  app.add_option("--seconds", options->seconds, "longest that it may take")
      ->check(CLI::Range(5u, 86400u))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--mebibytes", options->mebibytes, "size of the array whose sum is timed")
      ->check(CLI::Range(1u, 4096u))
      ->type_name("N")
      ->capture_default_str();
  app.footer(
      "On the nodes of a Slurm job: call it in the batch script, or with srun once a node.\n"
      "exit codes: 0 all processes agree, 31 they do not");
  return [options](Session& session) { return ddp_check(session, *options); };
}

}  // namespace eb
