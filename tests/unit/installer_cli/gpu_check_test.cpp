#include "../driver/situation.hpp"
#include "installer_run.hpp"

// The GPU check around an install: fake machines, and check programs that are shell scripts. What
// the real programs do is tested in tests/gpu; how their records are judged in tests/unit/check.

namespace eb {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr char kPassing[] =
    "printf 'step\\tdriver-init\\t30\\n"
    "gpu\\t0\\tNVIDIA H100 80GB HBM3\\tGPU-1\\t0000:62:00.0\\t9.0\\t85520809984\\nok\\t0.1\\n"
    "step\\tcublas-sgemm\\t30\\nok\\t0.2\\nstep\\tisolation\\t30\\n'\n"
    "printf 'map\\t%s/lib/libcudart.so.12\\nok\\t0.0\\nend\\n' \"${0%/libexec/*}\"\n";
constexpr char kFailing[] =
    "printf 'step\\tdriver-init\\t30\\nfail\\tdriver\\t999\\tunknown error\\nend\\n'\n";
constexpr char kHanging[] = "printf 'step\\tdriver-init\\t30\\n'\nsleep 60\n";

/// A machine, and bundles with CUDA whose check is a script.
struct GpuShop : InstallerRun {
  explicit GpuShop(const std::string& machine)
      : situation(std::string(EB_SITUATIONS) + "/" + machine + ".tree") {
    sys = &situation.sys();
    root = situation.root();
  }

  fs::path bundle(const std::string& script) {
    const fs::path tree = scratch.path() / ("gpu-tree-" + std::to_string(++trees));
    fill_tree(tree, "gpu" + std::to_string(trees));
    write_text(tree / "libexec/envbundle/gpucheck", "#!/bin/sh\n" + script, true);
    write_text(tree / "lib/libcudart.so.12", "no library\n");
    std::map<std::string, std::string> with = bundle_meta("cu128");
    with.erase("name");
    return pack(tree, with);
  }
  std::vector<std::string> kept_reports() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(prefix() / ".envinstall")) {
      const std::string name = entry.path().filename();
      if (name.starts_with("check-")) out.push_back(fs::path(name).extension());
    }
    std::ranges::sort(out);
    return out;
  }

  Situation situation;
  int trees = 0;
};

TEST_CASE("a GPU that passes: the release is activated and the report kept") {
  GpuShop shop("h100_open_580");
  const CommandResult result = shop.install_bundle(shop.bundle(kPassing));
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Contains("driver      driver 580.95.05 with 1 GPU runs CUDA 12.8"));
  CHECK_THAT(result.out, Contains("gpu check   passed: 3 steps right on 1 GPU\n"));
  CHECK(!shop.current().empty());
  CHECK(shop.kept_reports() == std::vector<std::string>{".json", ".txt"});

  const CommandResult again = shop.run({"check", shop.prefix().string(), "--json", "-q"});
  CHECK(again.code == 0);
  REQUIRE(again.records().size() == 1);
  CHECK(again.records()[0]["record"] == "check");
  CHECK(again.records()[0]["state"] == "passed");
  CHECK(shop.run({"check", shop.prefix().string(), "--gpu-check", "require"}).code == 0);

  CHECK(shop.run({"uninstall", shop.prefix().string()}).code == 0);
  CHECK(fs::is_empty(shop.prefix()));
}

TEST_CASE("a GPU that fails: the release stays, not active; skip activates it") {
  GpuShop shop("h100_open_580");
  CHECK(shop.install_bundle(shop.bundle(kPassing)).code == 0);
  const std::string before = shop.current();
  const fs::path bundle = shop.bundle(kFailing);
  const CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 31);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Contains("envinstall: error: the GPU check failed\n"));
  CHECK_THAT(result.err, Contains(", step driver-init\n"));
  CHECK_THAT(result.err, Contains("  hint:  the whole report: " + shop.prefix().string() +
                                  "/.envinstall/check-sample-"));
  CHECK_THAT(result.err, Contains("is installed, but release " + before +
                                  " is still the active one; to activate it all the same, give "
                                  "--gpu-check=skip\n"));
  CHECK(shop.current() == before);
  CHECK(std::distance(fs::directory_iterator(shop.prefix() / "releases"), {}) == 2);
  std::string kept;
  for (const auto& entry : fs::directory_iterator(shop.prefix() / ".envinstall")) {
    if (entry.path().extension() == ".txt") kept += read_text(entry.path());
  }
  CHECK_THAT(kept, Contains("  active      no, because of this check; the same install with "
                            "--gpu-check=skip activates it\n"));

  // Again: it is checked again, and fails again.
  CHECK(shop.install_bundle(bundle).code == 31);
  CHECK(shop.current() == before);
  const CommandResult skipped = shop.install_bundle(bundle, {"--gpu-check=skip"});
  CHECK(skipped.code == 0);
  CHECK_THAT(skipped.out, Contains("gpu check   skipped (--gpu-check=skip)\n"));
  CHECK(shop.current() != before);
  const CommandResult check = shop.run({"check", shop.prefix().string()});
  CHECK(check.code == 31);
  CHECK_THAT(check.out, Contains("driver-init"));
  // What was there before is checked by its name.
  CHECK(shop.run({"check", shop.prefix().string(), before}).code == 0);
  CHECK(shop.run({"check", shop.prefix().string(), "nonsense"}).code == 2);
}

TEST_CASE("a check that proves nothing activates only where no proof was required") {
  GpuShop shop("h100_open_580");
  const fs::path bundle =
      shop.bundle("printf 'step\\tdriver-init\\t30\\nskip\\tno NVIDIA device\\nend\\n'\n");
  CHECK(shop.install_bundle(bundle, {"--gpu-check=require"}).code == 31);
  CHECK(shop.current().empty());
  const CommandResult result = shop.install_bundle(bundle, {"--json", "-q"});
  CHECK(result.code == 0);
  CHECK(!shop.current().empty());
  CHECK(result.records()[0]["gpu_check"]["activation"] == "yes, after this check");
}

TEST_CASE("a first install whose GPU fails leaves nothing active") {
  GpuShop shop("h100_open_580");
  const CommandResult result = shop.install_bundle(shop.bundle(kFailing));
  CHECK(result.code == 31);
  CHECK(shop.current().empty());
  CHECK_THAT(result.err, Contains("is installed, but no release is active; to activate it"));
  const CommandResult check = shop.run({"check", shop.prefix().string()});
  CHECK(check.code == 2);
  CHECK_THAT(check.err, Contains("name the release too: envinstall check "));
}

TEST_CASE("a check that hangs ends at its limit") {
  GpuShop shop("h100_open_580");
  const CommandResult result =
      shop.install_bundle(shop.bundle(kHanging), {"--time-limit", "1", "-q"});
  CHECK(result.code == 31);
  CHECK_THAT(result.err, Contains("step driver-init"));
  CHECK(shop.current().empty());
}

TEST_CASE("a driver that is too old is told before anything is written") {
  GpuShop shop("k80_418");
  const fs::path bundle = shop.bundle(kPassing);
  const CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 30);
  CHECK_THAT(result.err, Contains("envinstall: error: "));
  CHECK_THAT(result.err, Contains("give --gpu-check=skip\n"));
  CHECK_THAT(result.err, Contains("  hint:  nothing was changed\n"));
  CHECK(!fs::exists(shop.prefix()));
  CHECK(shop.install_bundle(bundle, {"--dry-run"}).code == 30);
  CHECK(shop.install_bundle(bundle, {"--gpu-check", "skip"}).code == 0);
  CHECK(!shop.current().empty());
  // Installed and active: nothing is done, so nothing is judged.
  CHECK(shop.install_bundle(bundle).code == 0);
}

TEST_CASE("without a GPU nothing is claimed, and nothing fails unless it was required") {
  GpuShop shop("no_gpu");
  const fs::path bundle = shop.bundle(kFailing);
  const CommandResult required = shop.install_bundle(bundle, {"--gpu-check=require"});
  CHECK(required.code == 30);
  CHECK_THAT(required.err, Contains("envinstall: error: there is no GPU here to test on\n"));
  CHECK(!fs::exists(shop.prefix()));

  const CommandResult result = shop.install_bundle(bundle);
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Contains("gpu check   not done here: "));
  CHECK_THAT(result.out, Contains("on a machine with a GPU: envinstall check "));
  CHECK(shop.kept_reports().empty());

  const CommandResult looked = shop.run({"check", shop.prefix().string(), "--gpu-check=skip"});
  CHECK(looked.code == 0);
  CHECK_THAT(looked.out, StartsWith("machine       seen from outside"));
  CHECK(shop.kept_reports().empty());
}

TEST_CASE("the check's options and their mistakes") {
  GpuShop shop("no_gpu");
  CHECK(shop.run({"check"}).code == 2);
  const CommandResult unknown = shop.run({"check", "/nowhere", "--gpu-check=maybe"});
  CHECK(unknown.code == 2);
  CHECK_THAT(unknown.err, Contains("--gpu-check knows no 'maybe'"));
  CHECK_THAT(unknown.err, Contains("one of auto, require, skip"));
  CHECK(shop.run({"check", "/nowhere", "--time-limit=0"}).code == 2);
  CHECK(shop.run({"check", "--help"}).code == 0);
}

}  // namespace
}  // namespace eb
