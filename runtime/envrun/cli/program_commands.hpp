#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun [LIMITS] -- CMD ARG...` and `envrun [LIMITS] run CMD ARG...`.
int run_given_program(Session& session, const std::vector<std::string>& arguments);
Action add_run(CLI::App& app);
/// The user's own shell, inside the environment.
Action add_shell(CLI::App& app);
/// The exporter of runtime/metrics; all arguments are its own.
Action add_metrics(CLI::App& app);

}  // namespace eb
