#include "installer/install/host.hpp"

#include "installer/base/utc_text.hpp"
#include "installer/install/size_text.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct FakeRoot {
  MemoryDir dir;
  std::string path() const { return dir.path().string(); }
  void file(const std::string& name, const std::string& text) {
    write_text(dir.path() / name, text);
  }
};

TEST_CASE("cgroup v2: the smallest quota on the way up") {
  FakeRoot root;
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 0);
  root.file("proc/self/cgroup", "0::/slurm/job_1/step_0\n");
  root.file("sys/fs/cgroup/slurm/job_1/step_0/cpu.max", "max 100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 0);
  root.file("sys/fs/cgroup/slurm/job_1/cpu.max", "250000 100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 3);
  root.file("sys/fs/cgroup/slurm/cpu.max", "800000 100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 3);
  root.file("sys/fs/cgroup/slurm/job_1/step_0/cpu.max", "1000 100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 1);
  root.file("sys/fs/cgroup/slurm/job_1/step_0/cpu.max", "rubbish\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 3);
}

TEST_CASE("cgroup v2 at the root, and v1") {
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/\n");
  root.file("sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 2);
  root.file("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 0);
  root.file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
  root.file("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 0);
  root.file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "400000\n");
  CHECK(cgroup_cpu_limit(real_sys(), root.path()) == 4);
}

TEST_CASE("when a process began, whatever its name is") {
  FakeRoot root;
  root.file("proc/77/stat",
            "77 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21\n");
  CHECK(process_start(real_sys(), root.path(), 77) == "4242");
  CHECK(process_start(real_sys(), root.path(), 78).empty());
  root.file("proc/79/stat", "79 (short) S 1\n");
  CHECK(process_start(real_sys(), root.path(), 79).empty());
}

TEST_CASE("a process that only waits to be asked after by its parent is none any more") {
  FakeRoot root;
  const auto stat = [&](const char* state, const char* threads) {
    root.file("proc/77/stat", std::string("77 (a) ") + state +
                                  " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 " + threads +
                                  " 18 4242 20 21\n");
    return process_start(real_sys(), root.path(), 77);
  };
  CHECK(stat("S", "1") == "4242");
  CHECK(stat("D", "1") == "4242");
  CHECK(stat("Z", "1").empty());
  CHECK(stat("Z", "0").empty());
  CHECK(stat("X", "1").empty());
  // The first thread has ended, and others go on.
  CHECK(stat("Z", "2") == "4242");
}

TEST_CASE("a host is known where /proc is") {
  const Host host = read_host(real_sys(), "/home/me");
  CHECK(!host.machine.empty());
  CHECK(host.cpus >= 1);
  CHECK(host.now > 1'700'000'000);
  CHECK(read_host(real_sys(), "", "/nowhere").boot_id.empty());
}

TEST_CASE("sizes, counts and times for people") {
  CHECK(size_text(0) == "0 bytes");
  CHECK(size_text(1) == "1 byte");
  CHECK(size_text(999) == "999 bytes");
  CHECK(size_text(1000) == "1.0 kB");
  CHECK(size_text(999'949) == "999.9 kB");
  CHECK(size_text(999'999) == "1.0 MB");
  CHECK(size_text(6'400'000'000) == "6.4 GB");
  CHECK(size_text(~uint64_t{0}) == "18.4 EB");
  CHECK(count_text(1, "file", "files") == "1 file");
  CHECK(count_text(31245, "file", "files") == "31,245 files");
  CHECK(count_text(1'000'000, "file", "files") == "1,000,000 files");
  CHECK(utc_text(1'700'000'000) == "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace eb
