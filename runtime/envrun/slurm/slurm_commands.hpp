#pragma once

#include "runtime/envrun/core/action.hpp"

namespace eb {

/// `envrun torchrun …`: PyTorch's own, told by Slurm's variables where the other nodes are.
Action add_torchrun(CLI::App& app);
/// `envrun ddp-check`: do the processes of a distributed run find, hear and understand one another?
Action add_ddp_check(CLI::App& app);
/// `envrun slurm-template [NAME]`: a batch script with this prefix in it.
Action add_slurm_template(CLI::App& app);

}  // namespace eb
