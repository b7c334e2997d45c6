#include <algorithm>
#include <catch2/catch.hpp>

#include "installer/base/error.hpp"
#include "runtime/envrun/slurm/torchrun_plan.hpp"

namespace eb {
namespace {

using List = std::vector<std::string>;

Variables step_of(const std::string& nodes, const std::string& id, const std::string& tasks) {
  Variables out;
  out.set("SLURM_JOB_ID", "40123");
  out.set("SLURM_JOB_NODELIST", nodes);
  out.set("SLURM_STEP_ID", "2");
  out.set("SLURM_STEP_NODELIST", nodes);
  out.set("SLURM_NODEID", id);
  out.set("SLURM_STEP_NUM_TASKS", tasks);
  return out;
}

TEST_CASE("Slurm's lists of nodes") {
  CHECK(expand_host_list("login") == List{"login"});
  CHECK(expand_host_list("n[1-3,07],gpu") == List{"n1", "n2", "n3", "n07", "gpu"});
  CHECK(expand_host_list("n[08-11]") == List{"n08", "n09", "n10", "n11"});
  CHECK(expand_host_list("r[1-2]n[1-2].ib") == List{"r1n1.ib", "r1n2.ib", "r2n1.ib", "r2n2.ib"});
  CHECK(expand_host_list("n[1-65536]").size() == kMaxHosts);
}

TEST_CASE("what is no list of nodes is refused, and costs neither time nor memory") {
  for (const char* text :
       {"", ",", "n[1", "n1]", "n[[1]]", "n[]", "n[3-1]", "n[a-b]", "n[1-]", "n[-1]", "n[1,]",
        "a,,b", "n[1-65537]", "n[0-18446744073709551615]", "n[1-60000]m[1-60000]",
        "n[1-40000,1-40000]", "n[99999999999999999999]"}) {
    INFO(text);
    CHECK_THROWS_AS(expand_host_list(text), Error);
  }
}

TEST_CASE("counts for each node") {
  CHECK(smallest_of_counts("4") == 4);
  CHECK(smallest_of_counts("8(x2),4,16(x7)") == 4);
  CHECK(smallest_of_counts("") == 0);
  CHECK(smallest_of_counts("x") == 0);
  CHECK(smallest_of_counts("0(x3)") == 0);
}

TEST_CASE("a job, its batch script, its steps") {
  CHECK_FALSE(read_slurm_job(Variables{}));
  Variables variables;
  variables.set("SLURM_JOB_ID", "7");
  CHECK_FALSE(read_slurm_job(variables));  // left over from somewhere
  variables.set("SLURM_JOB_NODELIST", "n[1-3]");
  variables.set("SLURM_JOB_CPUS_PER_NODE", "8(x2),4");
  auto job = read_slurm_job(variables);
  REQUIRE(job);
  CHECK_FALSE(job->is_step());
  CHECK(job->nodes == List{"n1", "n2", "n3"});
  CHECK(job->cpus_per_node == 4);
  // The numbers of a batch script, an interactive shell and the extern step.
  for (const char* step : {"4294967291", "4294967290", "4294967292"}) {
    variables.set("SLURM_STEP_ID", step);
    CHECK_FALSE(read_slurm_job(variables)->is_step());
  }
  job = read_slurm_job(step_of("n[2-3]", "1", "2"));
  CHECK(job->is_step());
  CHECK(job->node_id == 1);
  CHECK(job->tasks_per_node == 1);
  CHECK(read_slurm_job(step_of("n[2-3]", "0", "3"))->tasks_per_node == 2);
  CHECK_THROWS_AS(read_slurm_job(step_of("n[2-3]", "2", "2")), Error);
  variables.set("SLURM_JOB_ID", "7; rm");
  CHECK_THROWS_AS(read_slurm_job(variables), Error);
}

TEST_CASE("jobs that share a node, and steps of a job, meet at different ports") {
  SlurmJob job{.id = "123456", .step = "0", .nodes = {"n1"}};
  CHECK(rendezvous_port(job) == 20000 + 123456 % 20000);
  std::vector<unsigned> ports;
  for (unsigned id = 100000; id < 100040; ++id) {
    for (unsigned step = 0; step < 8; ++step) {
      job.id = std::to_string(id);
      job.step = std::to_string(step);
      ports.push_back(rendezvous_port(job));
      CHECK((ports.back() >= 20000 && ports.back() < 40000));
    }
  }
  std::ranges::sort(ports);
  CHECK(std::ranges::adjacent_find(ports) == ports.end());
}

TEST_CASE("torchrun's own options end where the script begins") {
  CHECK(torchrun_options({"--nproc_per_node", "4", "--rdzv-id=x", "-m", "pkg.train",
                          "--nnodes=9"}) == List{"--nproc-per-node", "--rdzv-id", "-m"});
  CHECK(torchrun_options({"--standalone", "train.py", "--rdzv-backend=c10d"}) ==
        List{"--standalone"});
  CHECK(torchrun_options({"--", "x"}).empty());
}

TEST_CASE("one node rendezvous by itself") {
  CHECK(plan_torchrun({}, false, {"t.py"}) == List{"--standalone", "t.py"});
  CHECK(plan_torchrun({}, true, {"t.py", "--x"}) ==
        List{"--standalone", "--nproc-per-node=gpu", "t.py", "--x"});
  const auto one = read_slurm_job(step_of("n4", "0", "1"));
  CHECK(plan_torchrun(one, false, {"t.py"}) == List{"--standalone", "t.py"});
  CHECK(plan_torchrun({}, false, {"--help"}) == List{"--help"});
}

TEST_CASE("several nodes meet at the first one") {
  const auto job = read_slurm_job(step_of("n[4-6]", "1", "3"));
  const std::string port = std::to_string(rendezvous_port(*job));
  CHECK(plan_torchrun(job, true, {"t.py"}) ==
        List{"--nnodes=3", "--rdzv-backend=c10d", "--rdzv-endpoint=n4:" + port, "--rdzv-id=40123.2",
             "--rdzv-conf=is_host=0", "--nproc-per-node=gpu", "t.py"});
  const auto first = plan_torchrun(read_slurm_job(step_of("n[4-6]", "0", "3")), false, {"t.py"});
  CHECK(std::ranges::count(first, "--rdzv-conf=is_host=1") == 1);
}

TEST_CASE("what the user says about torchrun stays") {
  const auto job = read_slurm_job(step_of("n[4-6]", "1", "3"));
  const List own = {"--nproc_per_node=2", "--rdzv_endpoint", "n9:1", "--nnodes=2", "t.py"};
  CHECK(plan_torchrun(job, true, own) == own);
  CHECK(plan_torchrun(job, false, {"--standalone", "t.py"}) == List{"--standalone", "t.py"});
  CHECK(plan_torchrun({}, false, {"--master-addr=a", "t.py"}) == List{"--master-addr=a", "t.py"});
  CHECK(plan_torchrun(job, false, {"--rdzv-conf=timeout=9", "t.py"}).size() == 6);
}

TEST_CASE("srun once a node, with all its CPUs") {
  SlurmJob job{.id = "1", .step = "", .nodes = {"a", "b"}};
  job.cpus_per_node = 6;
  CHECK(srun_once_a_node(job, {"/p/envrun", "torchrun", "t.py"}) ==
        List{"srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--export=ALL",
             "--kill-on-bad-exit=1", "--cpus-per-task=6", "/p/envrun", "torchrun", "t.py"});
}

}  // namespace
}  // namespace eb
