#include "runtime/envrun/limits/start.hpp"

#include "installer/base/error.hpp"

namespace eb {

int start(Session& session, Program program, StartMode mode) {
  World& world = session.world;
  if (program.path.empty()) {
    const std::string& name = program.arguments.at(0);
    const bool is_path = name.find('/') != std::string::npos;
    world.err << render_error(
        kProgramName,
        Error(ExitCode::kUsage, "there is no program " + name)
            .where(is_path ? name : program.variables.get("PATH"))
            .hint("'ls " + session.place.at("bin") + "' shows the programs of this environment"));
    return kNotFound;
  }
  return mode == StartMode::kBecome ? world.execute(program) : world.run(program);
}

}  // namespace eb
