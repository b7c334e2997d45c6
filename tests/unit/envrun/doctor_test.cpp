#include <catch2/catch.hpp>
#include <sstream>

#include "../driver/situation.hpp"
#include "fake_machine.hpp"
#include "runtime/envrun/doctor/ask.hpp"
#include "runtime/envrun/doctor/control_group.hpp"
#include "runtime/envrun/doctor/read_machine.hpp"
#include "runtime/envrun/doctor/report.hpp"

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;

Observations gpu_of(const std::string& situation, const std::string& bundle) {
  Situation there(std::string(EB_SITUATIONS) + "/" + situation + ".tree");
  FakeMachine fake(&there.sys(), there.root());
  fake.machine.meta = bundle_meta(bundle);
  return examine_gpu(fake.machine);
}

TEST_CASE("driver: fits, too old, none on a login node, devices closed to the user") {
  CHECK(found(gpu_of("h100_open_580", "cu128"), "driver").health == Health::kOk);
  CHECK(found(gpu_of("h100_open_580", "cu128"), "access").text == "1 GPU for this process");
  const Observation old = found(gpu_of("k80_418", "cu128"), "driver");
  CHECK(old.health == Health::kProblem);
  CHECK(!old.next.empty());
  CHECK(found(gpu_of("no_gpu", "cu128"), "driver").health == Health::kNote);
  CHECK(found(gpu_of("gpu_with_nouveau", "cu128"), "driver").health == Health::kProblem);
  const Observation closed = found(gpu_of("group_video", "cu128"), "access");
  CHECK(closed.health == Health::kProblem);
  CHECK_THAT(closed.next.at(0), Contains("usermod -aG video"));
}

TEST_CASE("a folder whose server does not answer: said, and nothing below it is read") {
  FakeMachine fake;
  fake.answer("/home/ada").has_answered = false;
  fake.write("/home/ada/.local/lib/python3.11/site-packages/torch/x", "");
  fake.folder("/opt/dl/releases/r-1/lib/python3.11");
  fake.machine.variables.set("LD_LIBRARY_PATH", "/home/ada/lib");
  CHECK(found(examine_storage(fake.machine), "home").health == Health::kProblem);
  CHECK(found(examine_python(fake.machine), "user packages").subject == "NOT FOUND: user packages");
  CHECK(found(examine_modules(fake.machine), "LD_LIBRARY_PATH").health == Health::kProblem);
}

TEST_CASE("the mount point of a path is the longest above it") {
  const std::string mounts =
      "proc /proc proc rw 0 0\n/dev/a / ext4 rw 0 0\nn:/h /home nfs rw 0 0\n"
      "n:/h/ada /home/ada nfs rw 0 0\n";
  CHECK(mount_point_of(mounts, "/home/ada/x") == "/home/ada");
  CHECK(mount_point_of(mounts, "/home/adam") == "/home");
  CHECK(mount_point_of(mounts, "/opt").empty());
}

TEST_CASE("quota, space, noexec") {
  FakeMachine fake;
  FolderAnswer& home = fake.answer("/home/ada");
  home.quotas = {{"group", 100, 1u << 20, 100, 100}};
  fake.answer("/tmp").is_noexec = true;
  FolderAnswer& prefix = fake.answer("/opt/dl");
  prefix.type = 0x0BD00BD0;
  Observations findings = examine_storage(fake.machine);
  const Observation quota = findings.all().at(1);
  CHECK(quota.health == Health::kProblem);
  CHECK(quota.text == "group quota: 100 bytes of 1 MiB and 100 of 100 files");
  CHECK_THAT(quota.cause, Contains("setgid"));
  CHECK_THAT(found(findings, "advice").text, Contains("Lustre"));
  CHECK(found(findings, "temporary").health == Health::kOk);
  fake.machine.facts.folders[2].is_noexec = true;
  fake.machine.facts.folders[1].free_bytes = 1000;
  findings = examine_storage(fake.machine);
  CHECK(found(findings, "prefix").health == Health::kProblem);
  CHECK(found(findings, "temporary").health == Health::kWarning);
}

TEST_CASE("what one folder told goes through a pipe and back") {
  FolderAnswer one{.has_answered = true, .type = 0x6969, .total_bytes = 7, .free_files = 3};
  one.quotas = {{"user", 1, 2, 3, 4}, {"group", 5, 6, 7, 8}};
  const FolderAnswer back = parse_folder(folder_text(one));
  CHECK(back.has_answered);
  CHECK(back.type == 0x6969);
  REQUIRE(back.quotas.size() == 2);
  CHECK(back.quotas[1].limit_files == 8);
  CHECK(!parse_folder("").has_answered);
  CHECK(ask_folder("/nonexistent").error == ENOENT);
  CHECK(ask_folder("/tmp").total_bytes > 0);
}

TEST_CASE("a question that is never answered costs its time limit and no more") {
  const auto answers =
      ask_all({[](int) { pause(); }, [](int to) { CHECK(write(to, "yes", 3) == 3); },
               [](int to) {
                 const std::string much(1u << 20, 'x');
                 for (ssize_t left = 4; left > 0; --left) {
                   if (write(to, much.data(), much.size()) < 0) return;
                 }
               }},
              200);
  CHECK(!answers[0]);
  CHECK(answers[1] == "yes");
  CHECK(answers[2]->size() >= (64u << 10));
}

TEST_CASE("of all control groups above the lowest limit counts") {
  FakeMachine fake;
  fake.write("/proc/self/cgroup", "0::/slurm/job_1/step_0\n");
  fake.write("/sys/fs/cgroup/slurm/job_1/memory.max", "8589934592\n");
  fake.write("/sys/fs/cgroup/slurm/job_1/memory.current", "1073741824\n");
  fake.write("/sys/fs/cgroup/slurm/job_1/step_0/memory.max", "max\n");
  fake.write("/sys/fs/cgroup/slurm/cpu.max", "150000 100000\n");
  fake.write("/sys/fs/cgroup/slurm/job_1/pids.max", "100\n");
  fake.write("/sys/fs/cgroup/slurm/job_1/pids.current", "90\n");
  const ControlGroup group = read_control_group(fake.machine.files);
  CHECK(group.memory_limit == 8ull << 30);
  CHECK(group.cpu_quota == 1.5);
  const Observations findings = examine_limits(fake.machine);
  CHECK(found(findings, "memory").text == "8 GiB, 1 GiB used (cgroup)");
  CHECK(found(findings, "tasks").health == Health::kWarning);
  CHECK(found(findings, "CPUs").health == Health::kNote);

  FakeMachine old;
  old.write("/proc/self/cgroup", "4:memory:/a/b\n3:cpu,cpuacct:/\n1:name=systemd:/x\n");
  old.write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n");
  old.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(read_control_group(old.machine.files).memory_limit == 1u << 20);
}

TEST_CASE("limits on address space, and few open files") {
  FakeMachine fake;
  fake.machine.facts.limits["as"] = {1ull << 33, 1ull << 33};
  fake.machine.facts.limits["nofile"] = {1024, 524288};
  CHECK(found(examine_limits(fake.machine), "address space").health == Health::kProblem);
  CHECK(found(examine_limits(fake.machine), "open files").next.at(0) == "ulimit -n 4096");
}

TEST_CASE("segments that killed programs left in /dev/shm") {
  FakeMachine fake;
  fake.answer("/dev/shm");
  fake.write("/dev/shm/torch_1_2_0", std::string(5000, 'x'));
  fake.write("/dev/shm/nccl-abc", "x");
  fake.write("/dev/shm/other", "x");
  fake.write("/proc/77/maps", "7f00-7f01 rw-s 00000000 00:18 5 /dev/shm/nccl-abc\n");
  const Observation finding = found(examine_shared_memory(fake.machine), "segments");
  CHECK(finding.health == Health::kWarning);
  CHECK_THAT(finding.text, Contains("1 segment of 8 KiB") && Contains("/dev/shm/torch_1_2_0"));
  fake.machine.facts.folders[0].free_bytes = 64u << 20;
  CHECK(found(examine_shared_memory(fake.machine), "/dev/shm").health == Health::kWarning);
}

TEST_CASE("a host name that is the loopback") {
  FakeMachine fake;
  fake.address("lo", {127, 0, 0, 1}, 8);
  fake.machine.facts.own_addresses = parse_ahosts("127.0.1.1  STREAM n1\n127.0.1.1  DGRAM\nx y\n");
  CHECK(found(examine_network(fake.machine), "host name").health == Health::kNote);
  fake.address("eth0", {10, 0, 0, 1});
  CHECK(found(examine_network(fake.machine), "host name").health == Health::kWarning);
  fake.machine.facts.own_addresses = {"10.0.0.1"};
  CHECK(found(examine_network(fake.machine), "host name").health == Health::kOk);
  fake.machine.facts.own_addresses.reset();
  CHECK_THAT(found(examine_network(fake.machine), "host name").text, Contains("did not answer"));
  fake.machine.variables.set("GLOO_SOCKET_IFNAME", "eth");
  CHECK(found(examine_network(fake.machine), "gloo").health == Health::kProblem);
  fake.machine.facts.addresses.reset();
  CHECK(found(examine_network(fake.machine), "interfaces").health == Health::kProblem);
}

TEST_CASE("what the user has loaded and set") {
  FakeMachine fake;
  fake.machine.variables.set("LOADEDMODULES", "gcc/12:CUDA/12.1.1:cray-python/3.11");
  fake.write("/soft/cuda/lib64/libcudart.so.12", "");
  fake.write("/soft/cuda/lib64/libcudart.so.12.4.1", "");
  fake.write("/soft/cuda/lib64/libother.so", "");
  fake.machine.variables.set("LD_LIBRARY_PATH", "/soft/cuda/lib64:");
  const Observations modules = examine_modules(fake.machine);
  CHECK(found(modules, "modules").text == "CUDA/12.1.1 and cray-python/3.11 (loaded)");
  CHECK(found(modules, "LD_LIBRARY_PATH").text == "/soft/cuda/lib64 has libcudart.so.12");

  fake.folder("/opt/dl/releases/r-1/lib/python3.11");
  fake.write("/soft/site/numpy/__init__.py", "");
  fake.write("/home/ada/.local/lib/python3.11/site-packages/torch/__init__.py", "");
  fake.machine.variables.set("PYTHONPATH", "/soft/site");
  fake.machine.variables.set("CONDA_PREFIX", "/soft/conda");
  const Observations python = examine_python(fake.machine);
  CHECK(found(python, "PYTHONPATH").text == "/soft/site has numpy");
  CHECK(found(python, "PYTHONPATH").health == Health::kProblem);
  CHECK(found(python, "user packages").health == Health::kWarning);
  CHECK(found(python, "conda").health == Health::kWarning);

  fake.machine.variables.set("NCCL_P2P_DISABLE", "1");
  fake.machine.variables.set("OMP_NUM_THREADS", "64");
  fake.machine.variables.set("CUDA_VISIBLE_DEVICES", "0, 1");
  fake.machine.variables.set("RANK", "1");
  const Observations variables = examine_variables(fake.machine);
  CHECK(found(variables, "NCCL_P2P_DISABLE").health == Health::kWarning);
  CHECK(found(variables, "OMP_NUM_THREADS").health == Health::kWarning);
  CHECK(found(variables, "CUDA_VISIBLE_DEVICES").health == Health::kWarning);
  CHECK(found(variables, "rendezvous").health == Health::kWarning);
}

TEST_CASE("the last check's report, the clock, the kernel") {
  FakeMachine fake;
  fake.write("/opt/dl/.envinstall/check-r-1.json",
             R"({"state":"failed","when":"2026-03-04T05:06:07Z","host":"n7","driver":"550.1",)"
             R"("reasons":["step cublas"]})");
  const Observation check = found(examine_release(fake.machine), "gpu check");
  CHECK(check.health == Health::kProblem);
  CHECK_THAT(check.text, Contains("2026-03-04T05:06:07Z on n7"));
  CHECK(check.cause == "step cublas");
  fake.write("/opt/dl/.envinstall/check-r-1.json", "{");
  CHECK(found(examine_release(fake.machine), "gpu check").health == Health::kWarning);
  fake.machine.meta = {{"epoch", "2000000000"}, {"min-kernel", "6.5"}};
  fake.machine.facts.now = 1000;
  CHECK(found(examine_system(fake.machine), "clock").health == Health::kProblem);
  CHECK(found(examine_system(fake.machine), "kernel").health == Health::kProblem);
}

TEST_CASE("every problem says what to do; outside text cannot drive a terminal") {
  FakeMachine fake;
  fake.machine.variables.set("LD_PRELOAD", "/x\x1b[2J.so");
  fake.machine.variables.set("GLOO_SOCKET_IFNAME", "nope");
  fake.machine.facts.addresses.reset();
  fake.machine.facts.own_addresses.reset();
  std::vector<ExaminedSection> all;
  for (const Section& section : sections()) {
    all.push_back({section.name, section.title, section.examine(fake.machine)});
    for (const Observation& finding : all.back().findings.all()) {
      INFO(finding.subject);
      CHECK((finding.health < Health::kWarning || !finding.next.empty()));
    }
  }
  std::ostringstream text;
  print_report(text, fake.machine, all, false);
  CHECK_THAT(text.str(), Contains("/x\\x1b[2J.so"));
  CHECK(text.str().find('\x1b') == std::string::npos);
  std::ostringstream records;
  print_records(records, fake.machine, all, true);
  CHECK_THAT(records.str(), !Contains("\"state\":\"ok\""));
}

}  // namespace
}  // namespace eb
