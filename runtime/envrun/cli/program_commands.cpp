#include "runtime/envrun/cli/program_commands.hpp"

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/start.hpp"

namespace eb {

int run_given_program(Session& session, const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    throw Error(ExitCode::kUsage, "no program is named")
        .hint("for example: envrun -- python train.py");
  }
  return start(session, session.program(arguments));
}

Action add_run(CLI::App& app) {
  return [&app](Session& session) { return run_given_program(session, app.remaining()); };
}

Action add_shell(CLI::App& app) {
  app.footer(
      "The shell is $SHELL, else /bin/sh; its own start files may put other directories before the "
      "environment's.");
  return [](Session& session) {
    const std::string shell = session.world.variables.get("SHELL");
    return start(session, session.program({shell.empty() ? "/bin/sh" : shell}));
  };
}

Action add_metrics(CLI::App& app) {
  return [&app](Session& session) {
    std::vector<std::string> arguments = {session.place.at("libexec/envbundle/envmetrics")};
    for (const std::string& argument : app.remaining()) arguments.push_back(argument);
    return start(session, session.program(std::move(arguments)));
  };
}

}  // namespace eb
