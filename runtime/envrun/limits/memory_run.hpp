#pragma once

#include "runtime/envrun/core/session.hpp"
#include "runtime/envrun/limits/memory_plan.hpp"

namespace eb {

/// Runs the program as a child with the plan's limit and waits for it, as World::run does. What it
/// leaves behind is ended with it (SIGTERM, 2 s, SIGKILL), as in a container; with kOwnLimit that
/// is the job's affair. Where the limit ended the program, says so on stderr and returns 137.
int run_with_memory(World& world, Program program, const MemoryPlan& plan);

}  // namespace eb
