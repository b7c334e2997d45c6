#include <array>

#include "runtime/envrun/cli/program_commands.hpp"
#include "runtime/envrun/cli/subcommand.hpp"

namespace eb {

std::span<const Subcommand> subcommands() {
  static constexpr std::array kAll = {
      Subcommand{"run", "run a program (the same as 'envrun -- CMD')", true, add_run},
      Subcommand{"shell", "open your shell inside the environment", false, add_shell},
      Subcommand{"metrics", "export metrics of GPUs, processes and training to Prometheus", true,
                 add_metrics},
  };
  return kAll;
}

}  // namespace eb
