#include "installer/install/host.hpp"

#include "installer/install/driver_probe.hpp"
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

TEST_CASE("a host is known where /proc is") {
  const Host host = read_host(real_sys(), "/home/me");
  CHECK(!host.machine.empty());
  CHECK(host.cpus >= 1);
  CHECK(host.now > 1'700'000'000);
  CHECK(read_host(real_sys(), "", "/nowhere").boot_id.empty());
}

TEST_CASE("NVRM lines as drivers write them") {
  const std::pair<const char*, const char*> lines[] = {
      {"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n"
       "GCC version:  collect2: error: ld returned 1 exit status\n",
       "535.129.03"},
      {"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.144.03  Release Build  "
       "(dvs-builder@U16-I3-D08-1-2)  Mon Dec 30 17:26:13 UTC 2024",
       "550.144.03"},
      {"NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build",
       "540.4.0"},
      {"NVRM version: NVIDIA UNIX x86_64 Kernel Module 384.81 Sat", "384.81"}};
  for (const auto& [text, version] : lines) CHECK(parse_nvrm_version(text) == version);
  CHECK(!parse_nvrm_version("GCC version: 550.54.15"));
  CHECK(!parse_nvrm_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  12.3  x"));
  CHECK(!parse_nvrm_version("NVRM version: none\n550.54.15"));
  CHECK(!parse_nvrm_version(""));
}

DriverReport report_of(FakeRoot& root, const char* needed = "525.60.13") {
  return judge_driver(read_driver(real_sys(), root.path()), needed);
}

TEST_CASE("a driver that is new enough, and one that is not") {
  FakeRoot root;
  root.file("sys/module/nvidia/version", "550.54.15\n");
  root.file("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  root.file("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
  root.file("sys/bus/pci/devices/0000:02:00.0/vendor", "0x10de\n");
  root.file("sys/bus/pci/devices/0000:02:00.0/class", "0x030000\n");
  root.file("sys/bus/pci/devices/0000:02:00.1/vendor", "0x10de\n");  // its sound
  root.file("sys/bus/pci/devices/0000:02:00.1/class", "0x040300\n");
  root.file("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
  root.file("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
  DriverReport report = report_of(root);
  CHECK(report.state == DriverState::kOk);
  CHECK(driver_text(report) == "NVIDIA 550.54.15, 2 NVIDIA GPUs (525.60.13 or newer is needed)");
  CHECK(driver_warning(report).empty());
  root.file("sys/module/nvidia/version", "525.60.11\n");
  report = report_of(root);
  CHECK(report.state == DriverState::kTooOld);
  CHECK_THAT(driver_warning(report),
             Catch::Matchers::Contains("525.60.11 is older than 525.60.13"));
  CHECK(report_of(root, "").state == DriverState::kNotNeeded);
}

TEST_CASE("no driver, no GPU, an unreadable version") {
  FakeRoot root;
  DriverReport report = report_of(root);
  CHECK(report.state == DriverState::kNoGpu);
  CHECK(driver_warning(report).empty());
  root.file("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  root.file("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
  report = report_of(root);
  CHECK(report.state == DriverState::kNoDriver);
  CHECK(!driver_warning(report).empty());
  root.file("proc/driver/nvidia/version", "NVRM version: something new\n");
  CHECK(report_of(root).state == DriverState::kUnknown);
  // A built-in module shows itself in /proc alone.
  root.file("proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Thu\n");
  CHECK(report_of(root).state == DriverState::kOk);
  CHECK(report_of(root).facts.source == "/proc/driver/nvidia/version");
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
