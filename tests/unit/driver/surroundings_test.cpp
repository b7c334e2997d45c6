#include "installer/driver/surroundings.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "installer/driver/capability.hpp"
#include "installer/driver/device_node.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temp_dir.hpp"

namespace eb {
namespace {

using namespace test;

/// A machine's files below a folder of the test.
struct Root {
  TempDir dir;
  HostFiles files{real_sys(), dir.path().string()};

  Root& put(const std::string& path, const std::string& text = "") {
    const std::filesystem::path file = dir.path() / path.substr(1);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return *this;
  }
  Surroundings read(const ProbeEnvironment& environment = {}) const {
    return read_surroundings(files, environment, false);
  }
};

ProbeEnvironment with(std::optional<std::string> ProbeEnvironment::*variable, const char* value) {
  ProbeEnvironment out;
  out.*variable = value;
  return out;
}

TEST_CASE("a container is known by what its runtime leaves in it") {
  CHECK(Root().read().container.empty());
  CHECK(Root().put("/.singularity.d/env").read().container == "apptainer");
  CHECK(Root().read(with(&ProbeEnvironment::apptainer_container, "x.sif")).container ==
        "apptainer");
  CHECK(Root().read(with(&ProbeEnvironment::singularity_container, "x.sif")).container ==
        "apptainer");
  CHECK(Root().read(with(&ProbeEnvironment::kubernetes_host, "10.0.0.1")).container ==
        "kubernetes");
  CHECK(Root().put("/run/secrets/kubernetes.io/token").read().container == "kubernetes");
  CHECK(Root().put("/proc/self/cgroup", "0::/kubepods/x\n").read().container == "kubernetes");
  CHECK(Root().put("/.dockerenv").read().container == "docker");
  CHECK(Root().put("/run/.containerenv").read().container == "podman");
  const std::pair<const char*, const char*> groups[] = {
      {"0::/docker/0123", "docker"},
      {"0::/machine.slice/libpod-x.scope", "podman"},
      {"0::/libpod_parent", "podman"},
      {"1:name=systemd:/lxc/c1", "lxc"},
      {"0::/system.slice/containerd-x.scope", "container"},
      // The daemon's own group on the host.
      {"0::/system.slice/containerd.service", ""},
      {"0::/enroot/x", "enroot"}};
  for (const auto& [group, container] : groups) {
    CAPTURE(group);
    CHECK(Root().put("/proc/1/cgroup", std::string(group) + "\n").read().container ==
          std::string(container));
  }
}

TEST_CASE("whether cgroup v1 lets a job at GPUs is read off its rules") {
  const auto allowed = [](const std::string& groups, const std::string& rules) {
    Root root;
    root.put("/proc/self/cgroup", groups);
    if (!rules.empty()) root.put("/sys/fs/cgroup/devices/slurm/job/devices.list", rules);
    return root.read().cgroup_allows_gpus;
  };
  const std::string group = "4:cpu,cpuacct:/x\n3:devices:/slurm/job\n";
  CHECK(allowed(group, "a *:* rwm\n") == true);
  CHECK(allowed(group, "c 1:3 rwm\nc *:* m\n") == true);
  CHECK(allowed(group, "c 1:3 rwm\nc 195:0 rw\n") == true);
  CHECK(allowed(group, "c 1:3 rwm\nb 8:0 rw\n") == false);
  CHECK(allowed("2:cpu,devices:/slurm/job\n", "c 1:3 rwm\n") == false);
  CHECK(!allowed(group, ""));                         // no such file
  CHECK(!allowed("0::/slurm/job\n", "c 1:3 rwm\n"));  // cgroup v2 has no list
  CHECK(!allowed("nonsense\n7:devices\n", "c 1:3 rwm\n"));
}

TEST_CASE("what Slurm gave to a job is told by the first variable that says it") {
  const Root root;
  ProbeEnvironment environment;
  environment.slurm_job_gpus = "0,1";
  environment.slurm_gpus_on_node = "2";
  CHECK(root.read(environment).slurm_gpus.empty());
  CHECK(!root.read(environment).in_slurm_job);
  environment.slurm_job_id = "17";
  CHECK(root.read(environment).slurm_gpus == "0,1");
  environment.slurm_step_gpus = "1";
  CHECK(root.read(environment).slurm_gpus == "1");
  // A job that knows of a number alone, or of nothing.
  ProbeEnvironment job;
  job.slurm_job_id = "17";
  CHECK(root.read(job).slurm_gpus.empty());
  CHECK(root.read(job).in_slurm_job);
  job.slurm_gpus_on_node = "2";
  CHECK(root.read(job).slurm_gpus == "2 on this node");
  job.slurm_gpus_on_node = "0";
  CHECK(root.read(job).slurm_gpus.empty());
}

TEST_CASE("a number beyond any GPU ends the list of visible devices") {
  CHECK(parse_visible_devices("0,1024,1").ordinals == std::vector<unsigned>{0, 1024, 1});
  CHECK(parse_visible_devices("0,1025,1").ordinals == std::vector<unsigned>{0});
}

/// Says that every file of the driver is a device of this owner and mode.
struct DevicesSys final : ForwardingSys {
  mode_t mode = S_IFCHR | 0660;
  uid_t uid = 0;
  gid_t gid = 44;
  int refused = 0;
  int fstatat(int dir, const char* path, struct stat* out, int flags) override {
    const int result = ForwardingSys::fstatat(dir, path, out, flags);
    if (S_ISREG(out->st_mode) && std::string_view(path).find("nvidia") != std::string_view::npos) {
      out->st_mode = mode;
      out->st_uid = uid;
      out->st_gid = gid;
      out->st_rdev = makedev(195, 3);
    }
    return result;
  }
  int faccessat(int, const char*, int) override { return -refused; }
};

TEST_CASE("a device is told with its mode, its owners by name, and who may not use it") {
  Root root;
  root.put("/dev/nvidia3").put("/etc/group", "root:x:0:\nbroken\nhalf:x\nvideo:x:44:me\n");
  DevicesSys sys;
  const HostFiles files(sys, root.dir.path().string());
  const auto text = [&] { return node_text(read_device_node(files, "/dev/nvidia3", 6)); };
  CHECK(text() == "crw-rw---- root video 195,3");
  CHECK(read_device_node(files, "/dev/nvidia3", 6).is_usable());
  sys.uid = 1000;
  sys.gid = 0;
  sys.mode = S_IFCHR | 0711;
  CHECK(text() == "crwx--x--x 1000 root 195,3");
  sys.gid = 45;  // nobody's name
  CHECK(text() == "crwx--x--x 1000 45 195,3");
  std::filesystem::remove(root.dir.path() / "etc/group");
  CHECK(text() == "crwx--x--x 1000 45 195,3");
  sys.refused = EPERM;
  CHECK(text() == "crwx--x--x 1000 45 195,3, EPERM for this user");
  CHECK(!read_device_node(files, "/dev/nvidia3", 6).is_usable());
  sys.refused = 0;
  sys.mode = S_IFREG | 0644;
  CHECK(text() == "no device");
  CHECK(!read_device_node(files, "/dev/nvidia3", 6).is_usable());
  CHECK(node_text(read_device_node(files, "/dev/nvidia4", 6)) == "missing");
}

TEST_CASE("the driver's devices are counted, and who could make them is known") {
  Root root;
  root.put("/proc/devices", "Character devices:\n195 nvidia\n 511 nvidia-uvm\n9999 nvidia-caps\n")
      .put("/dev/nvidia1")
      .put("/dev/nvidia0")
      .put("/dev/nvidia1024")
      .put("/dev/nvidiactl")
      .put("/dev/null")
      .put("/sbin/nvidia-modprobe");
  DevicesSys sys;
  const HostFiles files(sys, root.dir.path().string());
  const DriverNodes nodes = read_driver_nodes(files);
  CHECK(nodes.gpu_minors == std::vector<unsigned>{0, 1});
  CHECK(nodes.control.exists);
  CHECK(!nodes.uvm.exists);
  CHECK(nodes.uvm_major == 511u);
  CHECK(!nodes.caps_major);  // no such number
  // Only a regular file that runs as root makes devices.
  CHECK(!nodes.can_make_nodes);
  sys.mode = S_IFREG | S_ISUID | 0755;
  CHECK(read_driver_nodes(files).can_make_nodes);
  sys.uid = 1000;
  CHECK(!read_driver_nodes(files).can_make_nodes);
  sys.uid = 0;
  sys.mode = S_IFREG | 0755;
  CHECK(!read_driver_nodes(files).can_make_nodes);
  std::ofstream(root.dir.path() / "proc/devices") << "Character devices:\nx nvidia-uvm\n";
  CHECK(!read_driver_nodes(files).uvm_major);
}

TEST_CASE("code runs on the GPUs that its capability says") {
  const auto of = [](const char* text) { return Capability::parse(text).value(); };
  CHECK(code_runs_on(of("8.0"), of("8.6")));
  CHECK(!code_runs_on(of("8.6"), of("8.0")));
  CHECK(!code_runs_on(of("7.0"), of("8.0")));
  CHECK(code_runs_on(of("9.0a"), of("9.0")));
  CHECK(!code_runs_on(of("9.0a"), of("10.0")));
  CHECK(!code_runs_on(of("10.0f"), of("10.3")));
  CHECK(ptx_runs_on(of("7.5"), of("8.0")));
  CHECK(ptx_runs_on(of("8.0"), of("8.6")));
  CHECK(!ptx_runs_on(of("8.6"), of("8.0")));
  CHECK(!ptx_runs_on(of("9.0"), of("8.9")));
  CHECK(ptx_runs_on(of("9.0a"), of("9.0")));
  CHECK(!ptx_runs_on(of("9.0a"), of("9.1")));
  CHECK(!ptx_runs_on(of("9.0a"), of("10.0")));
  for (const char* bad : {"", "8", "8.", ".6", "8.x", "8.60", "123.0", "x.0", ":.0", "8.6b", "a"}) {
    CAPTURE(bad);
    CHECK(!Capability::parse(bad));
  }
}

}  // namespace
}  // namespace eb
