#pragma once

#include <span>
#include <string>

#include "runtime/envrun/doctor/finding.hpp"
#include "runtime/envrun/doctor/machine.hpp"

namespace eb {

// Each looks at one part of a machine. Pure but for reads below the machine's root, which are
// bounded and skip file systems that do not answer. Nothing throws for what a machine is like.

Findings examine_release(const Machine& machine);
Findings examine_gpu(const Machine& machine);
Findings examine_limits(const Machine& machine);
Findings examine_shared_memory(const Machine& machine);
Findings examine_network(const Machine& machine);
Findings examine_nccl(const Machine& machine);
Findings examine_storage(const Machine& machine);
Findings examine_modules(const Machine& machine);
Findings examine_variables(const Machine& machine);
Findings examine_python(const Machine& machine);
Findings examine_system(const Machine& machine);
Findings examine_job(const Machine& machine);

struct Section {
  const char* name;   ///< on the command line and in JSON; never changed
  const char* title;  ///< above its lines
  Findings (*examine)(const Machine&);
};

/// In the order of the table.
std::span<const Section> sections();

}  // namespace eb
