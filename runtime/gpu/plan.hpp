#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/gpu/session.hpp"

namespace eb::gpu {

struct Step {
  std::string_view name;
  /// Whoever watches may end the process when the step takes longer. Generous: a context can take
  /// seconds a GPU without persistence mode, and cold storage reads 1 GB of libraries slowly.
  int limit_seconds;
  /// Steps without which `run` makes no sense, in their order.
  std::vector<std::string_view> needs;
  /// What can be done whether those passed or not; may be nullptr.
  void (*load)(Session&);
  /// May be nullptr.
  void (*run)(Session&);
};

/// All steps in their order.
const std::vector<Step>& all_steps();

/// The steps named in a comma-separated list and all that they need, in their order. An empty list
/// stands for all. `*unknown` becomes the first name that is no step's.
std::vector<Step> choose_steps(std::string_view list, std::string* unknown);

/// Runs the steps and writes their records, "end" included.
void run_steps(const std::vector<Step>& steps, Session& session);

}  // namespace eb::gpu
