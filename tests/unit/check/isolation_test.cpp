#include "installer/check/isolation.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

using Strings = std::vector<std::string>;

const std::string kRelease = "/opt/dl/releases/pytorch-2.8";

// What a GPU process of a release with its own glibc has mapped.
Strings usual() {
  return {kRelease + "/lib/glibc/ld-linux-x86-64.so.2",
          kRelease + "/lib/glibc/libc.so.6",
          kRelease + "/lib/glibc/libm.so.6",
          kRelease + "/lib/glibc/libpthread.so.0",
          kRelease + "/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
          kRelease + "/lib/x86_64-linux-gnu/libgcc_s.so.1",
          kRelease + "/lib/python3/dist-packages/torch/lib/libtorch_cuda.so",
          kRelease + "/lib/python3/dist-packages/torch/lib/libc10.so",
          kRelease + "/lib/python3/dist-packages/nvidia/cudnn/lib/libcudnn.so.9",
          kRelease + "/lib/python3/dist-packages/nvidia/cuda_runtime/lib/libcudart.so.12",
          "/usr/lib/x86_64-linux-gnu/libcuda.so.550.144.03",
          "/usr/lib/x86_64-linux-gnu/libnvidia-ptxjitcompiler.so.550.144.03"};
}

Isolation judge(const Strings& maps, const Strings& releases = {kRelease}) {
  return judge_isolation(maps, releases);
}

Strings with(Strings list, const std::string& more) {
  list.push_back(more);
  return list;
}

TEST_CASE("a release with its own glibc and the host's driver") {
  const Isolation out = judge(usual());
  CHECK(out.judged);
  CHECK(out.holds());
  CHECK(out.release_files == 10);
  CHECK(out.driver_files == 2);
  CHECK(out.glibc == GlibcSide::kRelease);
}

TEST_CASE("the host's glibc as a whole is allowed") {
  for (const Strings& glibc :
       {Strings{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
                "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libm.so.6"},
        Strings{"/lib64/ld-2.28.so", "/lib64/libc-2.28.so", "/lib64/libm-2.28.so",
                "/lib64/librt-2.28.so"}}) {
    Strings maps = glibc;
    maps.push_back(kRelease + "/lib/x86_64-linux-gnu/libstdc++.so.6");
    const Isolation out = judge(maps);
    CHECK(out.holds());
    CHECK(out.glibc == GlibcSide::kHost);
    CHECK(out.release_files == 1);
    CHECK(out.driver_files == 0);
  }
}

TEST_CASE("nothing seen proves nothing") {
  CHECK_FALSE(judge({}).judged);
  CHECK_FALSE(judge({}).holds());
}

TEST_CASE("libraries from outside are violations, each of them") {
  const char* const paths[] = {
      "/usr/local/cuda-12.4/lib64/libcudart.so.12.4.127",
      "/usr/local/cuda/lib64/libcublas.so.12",
      "/usr/local/cuda/lib64/libcublasLt.so.12",
      "/usr/lib/x86_64-linux-gnu/libcudnn.so.9.1.0",
      "/usr/lib/x86_64-linux-gnu/libcudnn_engines_precompiled.so.9",
      "/usr/lib/x86_64-linux-gnu/libnccl.so.2.20.5",
      "/opt/x/libnvrtc.so.12",
      "/opt/x/libnvJitLink.so.12",
      "/opt/x/libcufft.so.11",
      "/opt/x/libcurand.so.10",
      "/opt/x/libcusolver.so.11",
      "/opt/x/libcusparse.so.12",
      "/opt/x/libcusparseLt.so.0",
      "/opt/x/libnvshmem_host.so.3",
      "/opt/x/libnvToolsExt.so.1",
      "/opt/x/libcufile.so.0",
      "/opt/x/libcupti.so.12",
      "/home/me/.local/lib/python3.11/site-packages/torch/lib/libtorch_cuda.so",
      "/home/me/.local/lib/python3.11/site-packages/torch/lib/libc10.so",
      "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.33",
      "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
      "/usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0",
      "/usr/lib/x86_64-linux-gnu/libz.so.1.3"};
  for (const char* path : paths) {
    INFO(path);
    const Isolation out = judge(with(usual(), path));
    CHECK(out.violations == std::vector<IsolationViolation>{{path, "a file below " + kRelease}});
    CHECK_FALSE(out.holds());
  }
}

TEST_CASE("the driver's own libraries lie wherever the driver lies") {
  const char* const paths[] = {"/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1/libcuda.so.1.1",
                               "/usr/lib/wsl/lib/libdxcore.so",
                               "/.singularity.d/libs/libcuda.so.1",
                               "/usr/local/nvidia/lib64/libnvidia-ml.so.535.1",
                               "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08",
                               "/run/opengl-driver/lib/libcudadebugger.so.1",
                               "/usr/lib64/libnvcuvid.so.1",
                               "/usr/lib64/libnvidia-nvvm.so.4"};
  for (const char* path : paths) {
    INFO(path);
    const Isolation out = judge(with(usual(), path));
    CHECK(out.holds());
    CHECK(out.driver_files == 3);
  }
  // The release's own forward-compatibility driver.
  const Isolation compat = judge(with(usual(), kRelease + "/lib/cuda-compat/libcuda.so.575.57.08"));
  CHECK(compat.holds());
  CHECK(compat.driver_files == 3);
}

TEST_CASE("a libcuda in the release, and a stub anywhere, is no driver") {
  const std::string inside = kRelease + "/lib/x86_64-linux-gnu/libcuda.so.1";
  CHECK(judge(with(usual(), inside)).violations ==
        std::vector<IsolationViolation>{{inside,
                                         "the driver's own library of this machine, or a "
                                         "file below " +
                                             kRelease + "/lib/cuda-compat"}});
  for (const std::string& stub : {std::string("/usr/local/cuda/lib64/stubs/libcuda.so"),
                                  kRelease + "/lib/cuda-compat/stubs/libcuda.so.1"}) {
    CHECK(judge(with(usual(), stub)).violations ==
          std::vector<IsolationViolation>{
              {stub, "the driver's own library: a stub only answers with an error"}});
  }
}

TEST_CASE("a glibc of two pieces is a violation: the loader's side counts") {
  const std::string host_libm = "/usr/lib/x86_64-linux-gnu/libm.so.6";
  Isolation out = judge(with(usual(), host_libm));
  CHECK(out.glibc == GlibcSide::kRelease);
  CHECK(out.violations ==
        std::vector<IsolationViolation>{
            {host_libm, "of one piece with " + kRelease + "/lib/glibc/ld-linux-x86-64.so.2"}});
  const std::string libc = kRelease + "/lib/glibc/libc.so.6";
  out = judge({libc, "/lib64/ld-linux-x86-64.so.2"});
  CHECK(out.glibc == GlibcSide::kHost);
  CHECK(out.violations ==
        std::vector<IsolationViolation>{{libc, "of one piece with /lib64/ld-linux-x86-64.so.2"}});
  // Without a loader in the list libc decides.
  out = judge({host_libm, libc});
  CHECK(out.glibc == GlibcSide::kRelease);
  CHECK(out.violations ==
        std::vector<IsolationViolation>{{host_libm, "of one piece with " + libc}});
  // Of the release, but not from the folder that is all or nothing.
  const std::string stray = kRelease + "/lib/x86_64-linux-gnu/libdl.so.2";
  CHECK(judge(with(usual(), stray)).violations ==
        std::vector<IsolationViolation>{{stray, "a file below " + kRelease + "/lib/glibc"}});
}

TEST_CASE("replaced files, folders that only begin alike, dots") {
  CHECK(judge(with(usual(), kRelease + "/lib/x86_64-linux-gnu/libgomp.so.1 (deleted)")).holds());
  CHECK(judge(with(usual(), "/usr/lib64/libnvidia-ml.so.550.144.03 (deleted)")).holds());
  const std::string gone = "/usr/lib64/libstdc++.so.6 (deleted)";
  CHECK(judge(with(usual(), gone)).violations ==
        std::vector<IsolationViolation>{{gone, "a file below " + kRelease}});
  for (const std::string& path :
       {kRelease + "-old/lib/libcudart.so.12", kRelease + "/../../lib/libcudart.so.12",
        std::string("libcudart.so.12"), std::string("/libcudart.so.12")}) {
    INFO(path);
    CHECK(judge(with(usual(), path)).violations.size() == 1);
  }
}

TEST_CASE("prefixes with symlinks, blanks, newlines and other characters") {
  // The given path and the real one: both are the release's.
  CHECK(judge_isolation(
            {"/mnt/nfs7/dl/releases/x/lib/libcudart.so.12", "/opt/dl/releases/x/lib/libcudnn.so.9"},
            {"/mnt/nfs7/dl/releases/x", "/opt/dl/releases/x/"})
            .holds());
  CHECK_FALSE(
      judge_isolation({"/mnt/nfs7/dl/releases/x/lib/libcudart.so.12"}, {"/opt/dl/releases/x"})
          .holds());
  CHECK(judge({"/my home/r 1/lib/libcudart.so.12"}, {"/my home/r 1"}).holds());
  // /proc/self/maps writes a newline as \012; the programs write other control characters as '?'.
  CHECK(judge({"/a\\012b/lib/libcudart.so.12"}, {"/a\nb"}).holds());
  CHECK(judge({"/a?b/lib/libcudart.so.12"}, {"/a\tb"}).holds());
  CHECK(judge({"/\xff\xe4/lib/libcudart.so.12"}, {"/\xff\xe4"}).holds());
  // Without a release nothing is the release's.
  CHECK(judge({"/lib/libcudart.so.12"}, {""}).violations ==
        std::vector<IsolationViolation>{{"/lib/libcudart.so.12", "a file below the release"}});
}

TEST_CASE("names of the glibc family and of the driver") {
  for (const char* name : {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-2.17.so",
                           "libc.so.6", "libc-2.17.so", "libm.so.6", "libm-2.17.so", "libmvec.so.1",
                           "libpthread-2.17.so", "libdl.so.2", "librt.so.1"}) {
    INFO(name);
    CHECK(is_glibc_library(name));
  }
  for (const char* name : {"libc10.so", "libc10_cuda.so", "libc++.so.1", "libmkl.so", "libm-x.so",
                           "libcuda.so.1", "libstdc++.so.6", "ld", "libcudart.so.12", ""}) {
    INFO(name);
    CHECK_FALSE(is_glibc_library(name));
  }
  for (const char* name :
       {"libcudart.so.12", "libcudnn.so.9", "libnvrtc.so.12", "libnvJitLink.so.12",
        "libcublas.so.12", "libnvshmem_host.so", "libnvidia-x", "libcuda"}) {
    INFO(name);
    CHECK_FALSE(is_driver_library(name));
  }
}

TEST_CASE("several processes of one check") {
  const Isolation good = judge(usual());
  const Isolation bad = judge(with(usual(), "/usr/lib64/libnccl.so.2"));
  Isolation out = merged({good, bad, bad, Isolation{}});
  CHECK(out.judged);
  CHECK(out.violations.size() == 1);
  CHECK(out.release_files == 30);
  CHECK(out.glibc == GlibcSide::kRelease);
  const Isolation host = judge({"/lib64/libc.so.6"});
  CHECK(merged({good, host, good}).glibc == GlibcSide::kUnknown);
  CHECK(merged({Isolation{}, host}).glibc == GlibcSide::kHost);
  CHECK_FALSE(merged({Isolation{}, Isolation{}}).judged);
  CHECK_FALSE(merged({}).judged);
  CHECK(std::string(glibc_side_name(GlibcSide::kHost)) == "host");
  CHECK(std::string(glibc_side_name(GlibcSide::kRelease)) == "release");
  CHECK(std::string(glibc_side_name(GlibcSide::kUnknown)) == "unknown");
}

}  // namespace
}  // namespace eb
