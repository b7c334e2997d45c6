#include "runtime/envrun/limits/memory_plan.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "installer/base/error.hpp"
#include "runtime/envrun/limits/memory_group.hpp"
#include "runtime/envrun/limits/process_tree.hpp"
#include "runtime/envrun/limits/shm_plan.hpp"
#include "runtime/envrun/limits/watchdog.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb {
namespace {

constexpr uint64_t kGiB = 1ull << 30;

MemoryFacts bare() {
  MemoryFacts facts;
  facts.manager.why_none = "no manager";
  facts.site.why_none = "no group";
  facts.machine_bytes = 64 * kGiB;
  return facts;
}

// A tree of /proc and /sys below a temporary root.
struct Tree {
  test::TempDir dir;
  std::string root = dir.path().string();
  HostFiles files{real_sys(), root};
  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  void version_2(const std::string& group) const {
    put("/proc/self/cgroup", "0::" + group + "\n");
    put("/proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup" + group + "/cgroup.controllers", "cpu memory pids\n");
    put("/sys/fs/cgroup" + group + "/cgroup.type", "domain\n");
    put("/sys/fs/cgroup" + group + "/cgroup.procs", "1\n2\n");
    put("/sys/fs/cgroup" + group + "/cgroup.subtree_control", "\n");
  }
};

TEST_CASE("the best means is taken, and why the better ones are out is told") {
  MemoryFacts facts = bare();
  MemoryPlan plan = plan_memory(kGiB, facts);
  CHECK(plan.means == MemoryMeans::kWatchdog);
  CHECK(plan.text.find("soft") != std::string::npos);
  CHECK(plan.why_not_better == std::vector<std::string>{"no manager", "no group"});
  facts.site = {.parent = "/sys/fs/cgroup/x", .version = 2};
  plan = plan_memory(kGiB, facts);
  CHECK(plan.means == MemoryMeans::kGroup);
  CHECK(plan.why_not_better == std::vector<std::string>{"no manager"});
  facts.manager = {
      .systemd_run = "/usr/bin/systemd-run", .runtime_directory = "", .group = "", .why_none = ""};
  plan = plan_memory(kGiB, facts);
  CHECK(plan.means == MemoryMeans::kScope);
  CHECK(plan.why_not_better.empty());
  CHECK(plan_memory(128 * kGiB, facts).warnings.size() == 1);
}

TEST_CASE("a job never gets more than it was given") {
  MemoryFacts facts = bare();
  facts.in_slurm_job = true;
  facts.slurm_bytes = 16 * kGiB;
  CHECK_THROWS_AS(plan_memory(16 * kGiB + 4096, facts), Error);
  CHECK(plan_memory(16 * kGiB, facts).means == MemoryMeans::kWatchdog);
  facts.own = {.version = 2, .path = "/sys/fs/cgroup/job", .mount_point = "", .limit = 16 * kGiB};
  CHECK(plan_memory(16 * kGiB, facts).means == MemoryMeans::kOwnLimit);
  CHECK(plan_memory(8 * kGiB, facts).means == MemoryMeans::kWatchdog);
  facts.slurm_bytes.reset();
  try {
    plan_memory(32 * kGiB, facts);
    FAIL("more than the group has was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUnsupportedFs);
    CHECK(error.hints().back().find("--mem=") != std::string::npos);
  }
}

TEST_CASE("Slurm's variables give a size only when they give one") {
  const auto memory = [](std::vector<std::string> variables) {
    return slurm_memory(Variables(variables)).value_or(0) >> 20;
  };
  CHECK(memory({"SLURM_MEM_PER_NODE=4096"}) == 4096);
  CHECK(memory({"SLURM_MEM_PER_NODE=0"}) == 0);
  CHECK(memory({"SLURM_MEM_PER_CPU=1000", "SLURM_CPUS_ON_NODE=8"}) == 8000);
  CHECK(memory({"SLURM_MEM_PER_CPU=1000", "SLURM_JOB_CPUS_PER_NODE=4(x2)"}) == 4000);
  CHECK(memory({"SLURM_MEM_PER_CPU=1000", "SLURM_JOB_CPUS_PER_NODE=4(x2),8"}) == 0);
  CHECK(memory({"SLURM_MEM_PER_CPU=1000"}) == 0);
}

TEST_CASE("the limit is the least of all groups around the process") {
  const Tree tree;
  tree.version_2("/a/b/c");
  tree.put("/sys/fs/cgroup/a/memory.max", "2147483648\n");
  tree.put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  tree.put("/sys/fs/cgroup/a/b/c/memory.max", "4294967296\n");
  const MemoryGroupPlace own = own_memory_group(tree.files);
  CHECK(own.version == 2);
  CHECK(own.path == "/sys/fs/cgroup/a/b/c");
  CHECK(own.limit == 2 * kGiB);
}

TEST_CASE("version 1 is found by its controller, in a container below its mount's root") {
  const Tree tree;
  tree.put("/proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/abc/job\n0::/\n");
  tree.put("/proc/self/mountinfo",
           "31 20 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  tree.put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
  tree.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const MemoryGroupPlace own = own_memory_group(tree.files);
  CHECK(own.version == 1);
  CHECK(own.path == "/sys/fs/cgroup/memory/job");
  CHECK(own.limit == kGiB);
  CHECK(find_group_site(tree.files, own, false).parent.empty());
}

TEST_CASE("a group is made beside the own one only where no limit is left behind by that") {
  const Tree tree;
  tree.version_2("/u/shell.scope");
  tree.put("/sys/fs/cgroup/u/cgroup.procs", "");
  tree.put("/sys/fs/cgroup/u/cgroup.subtree_control", "memory pids\n");
  const MemoryGroupPlace own = own_memory_group(tree.files);
  CHECK(find_group_site(tree.files, own, false).parent == "/sys/fs/cgroup/u");
  CHECK(find_group_site(tree.files, own, true).parent.empty());
  tree.put("/sys/fs/cgroup/u/shell.scope/pids.max", "100\n");
  const GroupSite limited = find_group_site(tree.files, own, false);
  CHECK(limited.parent.empty());
  CHECK(limited.why_none.find("pids.max") != std::string::npos);
}

TEST_CASE("without a control group that counts memory there is no site") {
  const Tree tree;
  tree.put("/proc/self/cgroup", "0::/\n");
  tree.put("/proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  tree.put("/sys/fs/cgroup/cgroup.controllers", "cpu pids\n");
  const MemoryGroupPlace own = own_memory_group(tree.files);
  CHECK(own.version == 0);
  CHECK_FALSE(find_group_site(tree.files, own, false).why_none.empty());
}

TEST_CASE("kills count for the group whose limit was met") {
  const Tree tree;
  const auto counted = [&](const std::string& all, const std::string& local, bool inner = false) {
    tree.put("/g/memory.events", all);
    if (!local.empty()) tree.put("/g/memory.events.local", local);
    return read_out_of_memory(tree.files, "/g", 2, inner);
  };
  CHECK(counted("oom 1\noom_kill 3\n", "").kills == 3);  // a kernel before 5.2
  CHECK(counted("oom 1\noom_kill 3\n", "oom 1\noom_kill 0\n").kills == 3);
  CHECK(counted("oom 1\noom_kill 3\n", "oom 1\noom_kill 0\n").by_limit);
  CHECK(counted("oom 1\noom_kill 3\n", "oom 0\noom_kill 0\n").kills == 0);
  CHECK(counted("oom 1\noom_kill 3\n", "oom 0\noom_kill 0\n", true).kills == 3);
  CHECK(counted("oom 0\noom_kill 1\n", "oom 0\noom_kill 1\n").kills == 1);
  CHECK_FALSE(counted("oom 0\noom_kill 1\n", "oom 0\noom_kill 1\n").by_limit);
  CHECK(counted("", "oom 0\n").kills == 0);
}

TEST_CASE("a process's line is read whatever its name holds") {
  const auto process = parse_process_stat(
      "42 (a) R) (b) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 9999 25 184467 1 1 0",
      4096);
  REQUIRE(process.has_value());
  CHECK(process->name == "a) R) (b");
  CHECK(process->parent == 7);
  CHECK(process->resident == 25 * 4096);
  for (const char* text : {"", "42", "42 (a) S", "x (a) S 7 1 1 0", ")("}) {
    CHECK_FALSE(parse_process_stat(text, 4096).has_value());
  }
}

TEST_CASE("the watchdog sums a tree and takes shares only where whole pages pass the limit") {
  const Tree tree;
  const auto add = [&](int pid, int parent, int pages, const std::string& pss) {
    tree.put("/proc/" + std::to_string(pid) + "/stat",
             std::to_string(pid) + " (x) S " + std::to_string(parent) +
                 " 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 100 9999 " + std::to_string(pages) + " 1\n");
    if (!pss.empty()) tree.put("/proc/" + std::to_string(pid) + "/smaps_rollup", pss);
  };
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  add(10, 1, 1000000, "");
  add(11, 10, 300, "1-2 ---p 0 0 0 [rollup]\nRss: 999 kB\nPss: 100 kB\nSwapPss: 20 kB\n");
  add(12, 11, 300, "");  // does not let itself be looked at
  add(13, 10, 100, "Pss: 4 kB\n");
  CHECK(Watchdog(tree.files, 700 * page).look(10).used == 700 * page);
  Watchdog dog(tree.files, 500 * page);
  const auto look = dog.look(10);
  CHECK(look.used == 120 * 1024 + 300 * page + 4 * 1024);
  CHECK_FALSE(look.is_over);
  CHECK(Watchdog(tree.files, 300 * page).look(10).is_over);
  CHECK(Watchdog(tree.files, 300 * page).look(10).is_far_over);
  CHECK(dog.look(13).used == 0);
}

TEST_CASE("the watchdog looks often only near the limit, and never too often for what it costs") {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  CHECK(watchdog_pause(64 * kGiB, microseconds(100)) == milliseconds(1000));
  CHECK(watchdog_pause(kGiB, microseconds(100)) >= milliseconds(100));
  CHECK(watchdog_pause(0, microseconds(100)) == milliseconds(20));
  CHECK(watchdog_pause(0, microseconds(10000)) == milliseconds(200));
}

TEST_CASE("shared memory: left, made private, warned of, or refused") {
  ShmFacts facts{.is_there = true,
                 .is_tmpfs = true,
                 .total = 8 * kGiB,
                 .free = 8 * kGiB,
                 .is_tried = false,
                 .private_error = 0,
                 .machine_bytes = 64 * kGiB};
  CHECK(plan_shm(8 * kGiB, facts).means == ShmMeans::kEnough);
  facts.is_tried = true;
  CHECK(plan_shm(16 * kGiB, facts).means == ShmMeans::kPrivate);
  facts.private_error = EPERM;
  const ShmPlan plan = plan_shm(16 * kGiB, facts);
  CHECK(plan.means == ShmMeans::kAsItIs);
  CHECK(plan.warning.find("num_workers=0") != std::string::npos);
  CHECK_THROWS_AS(plan_shm(65 * kGiB, facts), Error);
  facts.is_there = false;
  CHECK_THROWS_AS(plan_shm(16 * kGiB, facts), Error);
}

}  // namespace
}  // namespace eb
