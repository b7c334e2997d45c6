#include <algorithm>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/start.hpp"
#include "runtime/envrun/slurm/distributed.hpp"
#include "runtime/envrun/slurm/slurm_commands.hpp"
#include "runtime/envrun/slurm/torchrun_plan.hpp"

namespace eb {
namespace {

int torchrun(Session& session, const std::vector<std::string>& given) {
  const std::vector<std::string> options = torchrun_options(given);
  const auto has = [&](const char* name) {
    return std::ranges::find(options, name) != options.end();
  };
  const auto job = distributed_job(session, "torchrun");
  if (needs_srun(job) && !has("--standalone") && !has("--help") && !has("-h")) {
    std::vector<std::string> again = {"torchrun"};
    again.insert(again.end(), given.begin(), given.end());
    return run_on_all_nodes(session, *job, again);
  }
  std::vector<std::string> arguments = {"torchrun"};
  for (std::string& each : plan_torchrun(job, sees_gpus(session.world), given)) {
    arguments.push_back(std::move(each));
  }
  Program program = session.program(std::move(arguments));
  program.path = session.place.bin("torchrun");
  if (find_program(session.world.sys, program.path, "").empty()) {
    throw Error(ExitCode::kUsage, "this environment has no torchrun")
        .where(program.path)
        .hint("it comes with PyTorch: install a bundle that has it");
  }
  return start(session, std::move(program));
}

}  // namespace

Action add_torchrun(CLI::App& app) {
  return [&app](Session& session) { return torchrun(session, app.remaining()); };
}

}  // namespace eb
