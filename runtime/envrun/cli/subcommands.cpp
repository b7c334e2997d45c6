#include <array>

#include "runtime/envrun/cli/program_commands.hpp"
#include "runtime/envrun/cli/subcommand.hpp"
#include "runtime/envrun/doctor/doctor_command.hpp"

namespace eb {

std::span<const Subcommand> subcommands() {
  static constexpr std::array kAll = {
      Subcommand{"run", "run a program (the same as 'envrun -- CMD')", true, add_run},
      Subcommand{"shell", "open your shell inside the environment", false, add_shell},
      Subcommand{"metrics", "export metrics of GPUs, processes and training to Prometheus", true,
                 add_metrics},
      Subcommand{"doctor", "find what on this machine would stand in the way, and what to do",
                 false, add_doctor},
  };
  return kAll;
}

}  // namespace eb
