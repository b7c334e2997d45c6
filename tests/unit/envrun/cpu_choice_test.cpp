#include "runtime/envrun/limits/cpu_choice.hpp"

#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/limit_plan.hpp"

namespace eb {
namespace {

// Two nodes of two cores with two threads: core 0 = CPUs 0,4 and so on; node 0 = 0,1,4,5.
CpuFacts machine() {
  return {.allowed = {0, 1, 2, 3, 4, 5, 6, 7},
          .cores = {{0, 4}, {1, 5}, {2, 6}, {3, 7}},
          .nodes = {{0, {0, 1, 4, 5}}, {1, {2, 3, 6, 7}}},
          .taken = {}};
}

std::string chosen(unsigned count, const CpuFacts& facts, const std::vector<int>& near = {}) {
  return cpu_list_text(choose_cpus({.count = count}, facts, near));
}

TEST_CASE("whole cores are taken, near the GPUs") {
  CHECK(chosen(2, machine()) == "0,4");
  CHECK(chosen(3, machine()) == "0-1,4");
  CHECK(chosen(2, machine(), {1}) == "2,6");
  CHECK(chosen(6, machine(), {1}) == "0,2-4,6-7");
  CHECK(chosen(8, machine()) == "0-7");
}

TEST_CASE("cores that nothing is pinned to come first, even far ones") {
  CpuFacts facts = machine();
  facts.taken = {{0, 1}, {5, 2}};
  CHECK(chosen(2, facts) == "2,6");
  CHECK(chosen(4, facts) == "2-3,6-7");
  CHECK(chosen(6, facts) == "0,2-4,6-7");
  CHECK(chosen(4, facts, {0}) == "2-3,6-7");
}

TEST_CASE("only what is allowed is taken, and more is refused") {
  CpuFacts facts = machine();
  facts.allowed = {1, 3, 7};
  CHECK(chosen(2, facts) == "1,3");
  CHECK(cpu_list_text(choose_cpus({.cpus = {3, 7}}, facts, {})) == "3,7");
  CHECK_THROWS_AS(chosen(4, facts), Error);
  CHECK_THROWS_AS(choose_cpus({.cpus = {0}}, facts, {}), Error);
  facts.cores.clear();
  CHECK(chosen(2, facts) == "1,3");
}

TEST_CASE("variables that the user has set stay") {
  LimitPlan plan;
  plan.cpus = CpuList{0, 1};
  plan.gpus = GpuChoice{.visible_devices = "0", .sets_pci_order = true};
  Variables variables(
      {"OMP_NUM_THREADS=7", "CUDA_DEVICE_ORDER=FASTEST_FIRST", "CUDA_VISIBLE_DEVICES=0,1"});
  apply_variables(plan, &variables);
  CHECK(variables.get("OMP_NUM_THREADS") == "7");
  CHECK(variables.get("MKL_NUM_THREADS") == "2");
  CHECK(variables.get("CUDA_DEVICE_ORDER") == "FASTEST_FIRST");
  CHECK(variables.get("CUDA_VISIBLE_DEVICES") == "0");
}

}  // namespace
}  // namespace eb
