#pragma once

#include <span>
#include <string>

#include "runtime/envrun/doctor/machine.hpp"
#include "runtime/envrun/doctor/observation.hpp"

namespace eb {

// Each looks at one part of a machine. Pure but for reads below the machine's root, which are
// bounded and skip file systems that do not answer. Nothing throws for what a machine is like.

Observations examine_release(const Machine& machine);
Observations examine_gpu(const Machine& machine);
Observations examine_limits(const Machine& machine);
Observations examine_shared_memory(const Machine& machine);
Observations examine_network(const Machine& machine);
Observations examine_nccl(const Machine& machine);
Observations examine_storage(const Machine& machine);
Observations examine_modules(const Machine& machine);
Observations examine_variables(const Machine& machine);
Observations examine_python(const Machine& machine);
Observations examine_system(const Machine& machine);
Observations examine_job(const Machine& machine);

struct Section {
  const char* name;   ///< on the command line and in JSON; never changed
  const char* title;  ///< above its lines
  Observations (*examine)(const Machine&);
};

/// In the order of the table.
std::span<const Section> sections();

}  // namespace eb
