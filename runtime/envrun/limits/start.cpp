#include "runtime/envrun/limits/start.hpp"

#include <optional>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/limit_plan.hpp"
#include "runtime/envrun/limits/memory_run.hpp"
#include "runtime/envrun/limits/shm_leftovers.hpp"

namespace eb {
namespace {

int report_missing(const Session& session, const Program& program) {
  const std::string& name = program.arguments.at(0);
  const bool is_path = name.find('/') != std::string::npos;
  session.world.err << render_error(
      kProgramName,
      Error(ExitCode::kUsage, "there is no program " + name)
          .where(is_path ? name : program.variables.get("PATH"))
          .hint("'ls " + session.place.at("bin") + "' shows the programs of this environment"));
  return kNotFound;
}

void tell_plan(World& world, const LimitPlan& plan) {
  for (const std::string& warning : plan.warnings) warn(world, warning);
  if (!world.variables.get("ENVRUN_QUIET").empty()) return;
  for (const std::string& line : plan.lines) tell(world, line);
}

void apply(const LimitPlan& plan, Program* program) {
  apply_variables(plan, &program->variables);
  std::optional<CpuMask> mask;
  if (plan.cpus) mask = cpu_mask(*plan.cpus);
  std::optional<PrivateShm> shm;
  if (plan.shm && plan.shm->means == ShmMeans::kPrivate) shm = plan.private_shm;
  if (!mask && !shm) return;
  program->before = [mask, shm, before = std::move(program->before)] {
    int error = mask ? set_affinity(*mask) : 0;
    if (error == 0 && shm) error = enter_private_shm(*shm);
    return error != 0 || !before ? error : before();
  };
}

}  // namespace

int start(Session& session, Program program, StartMode mode) {
  World& world = session.world;
  if (program.path.empty()) return report_missing(session, program);
  const LimitPlan plan = plan_limits(world, session.limits, program.variables);
  tell_plan(world, plan);
  apply(plan, &program);
  if (mode == StartMode::kBecome && !plan.memory) return world.execute(program);
  const ShmLeftovers leftovers(world);
  const int code =
      plan.memory ? run_with_memory(world, std::move(program), *plan.memory) : world.run(program);
  leftovers.remove();
  return code;
}

}  // namespace eb
