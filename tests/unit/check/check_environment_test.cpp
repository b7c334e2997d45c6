#include "installer/check/check_environment.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace eb {
namespace {

using Strings = std::vector<std::string>;

TEST_CASE("what leads to GPUs, driver, job and scratch space is kept") {
  const Strings kept = {"HOME=/home/me",
                        "PATH=/usr/bin:/bin",
                        "USER=me",
                        "LOGNAME=me",
                        "SHELL=/bin/sh",
                        "TZ=UTC",
                        "TMPDIR=/scratch",
                        "XDG_RUNTIME_DIR=/run/user/1",
                        "XDG_CACHE_HOME=/c",
                        "LD_LIBRARY_PATH=/usr/local/nvidia/lib64",
                        "ENVLAUNCH_LIBC=bundle",
                        "CUDA_VISIBLE_DEVICES=",
                        "CUDA_DEVICE_ORDER=PCI_BUS_ID",
                        "CUDA_MPS_PIPE_DIRECTORY=/m",
                        "CUDA_CACHE_PATH=/c",
                        "NVIDIA_VISIBLE_DEVICES=all",
                        "NCCL_SOCKET_IFNAME=ib0",
                        "GLOO_SOCKET_IFNAME=ib0",
                        "SLURM_JOB_ID=7",
                        "CC=gcc",
                        "TRITON_CACHE_DIR=/t",
                        "OMP_NUM_THREADS=4"};
  Strings expected = kept;
  expected.emplace_back("LC_ALL=C.UTF-8");
  const CheckEnvironment out = check_environment(kept);
  CHECK(out.variables == expected);
  CHECK(out.hostile.empty());
}

TEST_CASE("everything else is left out") {
  const CheckEnvironment out = check_environment({"LANG=de_DE",
                                                  "LC_ALL=fr_FR",
                                                  "LC_MESSAGES=C",
                                                  "MASTER_ADDR=x",
                                                  "RANK=3",
                                                  "WORLD_SIZE=4",
                                                  "LOCAL_RANK=1",
                                                  "CUDA_LAUNCH_BLOCKING=1",
                                                  "CUDA_FORCE_PTX_JIT=1",
                                                  "BASH_ENV=/x",
                                                  "ENVLAUNCH_VERBOSE=1",
                                                  "AWS_SECRET_ACCESS_KEY=s",
                                                  "http_proxy=p",
                                                  "SLURM_=",
                                                  "XDG=1",
                                                  "PATHOLOGY=1",
                                                  "MYHOME=1",
                                                  "",
                                                  "=",
                                                  "=x",
                                                  "HOME",
                                                  "TMP"});
  CHECK(out.variables == Strings{"LC_ALL=C.UTF-8"});
  CHECK(out.hostile.empty());
}

TEST_CASE("every hostile variable is left out and named") {
  const char* const names[] = {"LD_PRELOAD",
                               "LD_AUDIT",
                               "GLIBC_TUNABLES",
                               "CUDA_INJECTION64_PATH",
                               "NVTX_INJECTION64_PATH",
                               "PYTHONPATH",
                               "PYTHONHOME",
                               "PYTHONSTARTUP",
                               "PYTHONUSERBASE",
                               "PYTHONPLATLIBDIR",
                               "PYTHONEXECUTABLE",
                               "PYTHONPYCACHEPREFIX",
                               "PYTHONINSPECT",
                               "PYTHONWARNINGS",
                               "PYTHONBREAKPOINT"};
  for (const char* name : names) {
    const CheckEnvironment out = check_environment({"HOME=/h", std::string(name) + "=/x/y"});
    CHECK(out.variables == Strings{"HOME=/h", "LC_ALL=C.UTF-8"});
    REQUIRE(out.hostile.size() == 1);
    CHECK(out.hostile[0].name == name);
    CHECK(out.hostile[0].value == "/x/y");
    CHECK(!out.hostile[0].effect.empty());
    // Empty does nothing.
    CHECK(check_environment({std::string(name) + "="}).hostile.empty());
  }
  const CheckEnvironment long_value = check_environment({"LD_PRELOAD=" + std::string(1000, 'x')});
  CHECK(long_value.hostile.at(0).value == std::string(200, 'x') + "...");
  CHECK(long_value.hostile.at(0).effect == "loads a library into every program");
}

TEST_CASE("of a name that stands twice the first counts") {
  const CheckEnvironment out =
      check_environment({"HOME=/a", "LD_PRELOAD=", "HOME=/b", "LD_PRELOAD=/x"});
  CHECK(out.variables == Strings{"HOME=/a", "LC_ALL=C.UTF-8"});
  CHECK(out.hostile.empty());
}

TEST_CASE("looking a variable up") {
  const Strings list = {"HOMELY=1", "HOME=", "A=b=c"};
  CHECK(variable_in(list, "HOME") == "");
  CHECK(variable_in(list, "A") == "b=c");
  CHECK(!variable_in(list, "HOM"));
  CHECK(!variable_in({}, "HOME"));
}

}  // namespace
}  // namespace eb
