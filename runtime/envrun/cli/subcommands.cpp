#include <array>

#include "runtime/envrun/cli/program_commands.hpp"
#include "runtime/envrun/cli/subcommand.hpp"
#include "runtime/envrun/cli/text_commands.hpp"
#include "runtime/envrun/doctor/doctor_command.hpp"
#include "runtime/envrun/notebook/jupyter_command.hpp"
#include "runtime/envrun/notebook/kernelspec.hpp"
#include "runtime/envrun/notebook/venv_command.hpp"
#include "runtime/envrun/slurm/slurm_commands.hpp"
#include "runtime/envrun/ssh/sshd_command.hpp"

namespace eb {

std::span<const Subcommand> subcommands() {
  static constexpr std::array kAll = {
      Subcommand{"run", "run a program (the same as 'envrun -- CMD')", true, add_run},
      Subcommand{"shell", "open your shell inside the environment", false, add_shell},
      Subcommand{"jupyter", "start JupyterLab, opened by a token", false, add_jupyter},
      Subcommand{"kernelspec", "register this environment's kernel with another Jupyter", false,
                 add_kernelspec},
      Subcommand{"venv", "make a folder for your own packages on top of the environment", false,
                 add_venv},
      Subcommand{"sshd", "let yourself in by ssh and sftp: OpenSSH as your user, keys only", false,
                 add_sshd},
      Subcommand{"torchrun", "start PyTorch's torchrun, on the nodes of a Slurm job too", true,
                 add_torchrun},
      Subcommand{"ddp-check", "prove that distributed training works between processes and nodes",
                 false, add_ddp_check},
      Subcommand{"slurm-template", "print a batch script for Slurm", false, add_slurm_template},
      Subcommand{"metrics", "export metrics of GPUs, processes and training to Prometheus", true,
                 add_metrics},
      Subcommand{"doctor", "find what on this machine would stand in the way, and what to do",
                 false, add_doctor},
      Subcommand{"completion", "print the completion script of a shell", false, add_completion,
                 true},
      Subcommand{"man", "print the manual page, for 'man -l -'", false, add_man, true},
  };
  return kAll;
}

}  // namespace eb
