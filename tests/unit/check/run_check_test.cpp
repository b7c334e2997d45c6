#include "installer/check/run_check.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "child_script.hpp"
#include "sample_report.hpp"

namespace eb {
namespace {

using namespace test;
using Strings = std::vector<std::string>;

class Recorder final : public EventSink {
 public:
  void on(const Event& event) noexcept override {
    if (const auto* note = std::get_if<Note>(&event)) notes.push_back(note->text);
    if (const auto* phase = std::get_if<PhaseStarted>(&event)) notes.push_back(">" + phase->phase);
    if (const auto* phase = std::get_if<PhaseFinished>(&event)) notes.push_back("<" + phase->phase);
  }
  Strings notes;
};

std::string joined(const Strings& fields) {
  std::string out;
  for (const std::string& field : fields) out += (out.empty() ? "" : "\\t") + field;
  return out;
}

// A line of a script that writes one record.
std::string record(const Strings& fields) { return "printf '" + joined(fields) + "\\n'\n"; }

const std::string kGpu =
    record({"gpu", "0", "NVIDIA L4", "GPU-1", "0000:01:00.0", "8.9", "24000000000"});

/// A release whose check programs are shell scripts.
struct FakeRelease {
  TempDir dir;
  Recorder events;
  CheckRequest request;

  FakeRelease() {
    request.release_dir = (dir.path() / "releases" / "x").string();
    std::filesystem::create_directories(request.release_dir);
    request.about = about();
    request.facts.prefix = "/opt/dl";
    request.facts.cuda = "12.8";
    request.environment = {"PATH=/bin:/usr/bin", "HOME=/h"};
    request.bounds.term_grace = Milliseconds(300);
    request.bounds.kill_grace = Milliseconds(2000);
  }
  std::filesystem::path at(const std::string& name) const {
    return std::filesystem::path(request.release_dir) / name;
  }
  void gpucheck(const std::string& text, mode_t mode = 0755) {
    write_script(at(kGpuCheckPath), text, mode);
  }
  void torch(const std::string& text, bool has_torch = true) {
    write_script(at(kPythonPath), "[ \"$1\" = -I ] || exit 9\n. \"$2\"");
    write_script(at(kTorchCheckPath), text);
    if (has_torch) write_script(at("lib/python3.11/site-packages/torch/__init__.py"), "");
  }
  CheckReport run() { return run_check(real_sys(), request, events); }
};

const CheckStep& step(const CheckReport& report, const std::string& name) {
  for (const ReportedStep& each : report.steps) {
    if (each.step.name == name) return each.step;
  }
  FAIL("no step " << name);
  throw 0;  // not reached: FAIL leaves
}

std::string cause(const CheckReport& report, const std::string& name) {
  for (const ReportedStep& each : report.steps) {
    if (each.step.name == name) return each.diagnosis ? each.diagnosis->cause : "";
  }
  return "no step " + name;
}

TEST_CASE("a good run on a GPU") {
  FakeRelease release;
  const std::string lib = release.request.release_dir + "/lib/";
  release.gpucheck(record({"step", "driver-init", "20"}) + kGpu + record({"ok", "0.1"}) +
                   record({"step", "cublas-sgemm", "20"}) +
                   record({"figure", "speed", "20", "TFLOP/s"}) + record({"ok", "0.2"}) +
                   record({"step", "isolation", "20"}) + record({"map", lib + "libcublas.so.12"}) +
                   record({"map", "/usr/lib64/libcuda.so.1"}) + record({"ok", "0"}) +
                   "echo chatter >&2\n" + record({"end"}));
  release.torch(record({"step", "torch-matmul", "20"}) + kGpu + record({"ok", "0.5"}) +
                record({"step", "torch-compile", "20"}) + record({"skip", "no C compiler"}) +
                record({"step", "torch-isolation", "20"}) + record({"map", lib + "libtorch.so"}) +
                record({"ok", "0"}) + record({"end"}));
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kPassed);
  CHECK(report.reasons == Strings{"the GPU stack works on 1 GPU"});
  CHECK(report.release == "pytorch-2.8.0-cu128");
  CHECK(report.verdict_kind == "limited");
  REQUIRE(report.gpus.size() == 1);
  CHECK(report.gpus[0].name == "NVIDIA L4");
  REQUIRE(report.steps.size() == 6);
  CHECK(report.steps[0].program == "gpucheck");
  CHECK(report.steps[3].program == "torch");
  CHECK(step(report, "cublas-sgemm").figures.at(0).value == "20");
  CHECK(step(report, "torch-compile").skip_reason == "no C compiler");
  CHECK(report.isolation.holds());
  CHECK(report.isolation.release_files == 2);
  CHECK(report.isolation.driver_files == 1);
  REQUIRE(report.programs.size() == 2);
  CHECK(report.programs[0].path == release.at(kGpuCheckPath).string());
  CHECK(report.programs[0].error_tail == "chatter\n");
  CHECK(report.programs[0].exit_code == 0);
  CHECK(report.programs[1].path == release.at(kTorchCheckPath).string());
  CHECK_FALSE(report.programs[1].problem);
  CHECK(report.hostile.empty());
  CHECK(release.events.notes ==
        Strings{">check", "driver-init ...", "driver-init: ok", "cublas-sgemm ...",
                "cublas-sgemm: ok", "isolation ...", "isolation: ok", "torch-matmul ...",
                "torch-matmul: ok", "torch-compile ...", "torch-compile: skipped (no C compiler)",
                "torch-isolation ...", "torch-isolation: ok", "<check"});
}

TEST_CASE("without a GPU: not testable here") {
  FakeRelease release;
  release.gpucheck(record({"step", "driver-library", "20"}) + record({"skip", "no NVIDIA device"}) +
                   record({"step", "runtime", "20"}) + record({"ok", "0.2"}) +
                   record({"step", "nccl", "20"}) + record({"skip", "needs driver-library"}) +
                   record({"end"}));
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kNotTestable);
  CHECK(report.reasons == Strings{"no NVIDIA device"});
}

TEST_CASE("a failing step is explained with what is known of the machine and the GPUs") {
  FakeRelease release;
  release.request.facts.sass = "9.0 10.0";
  release.gpucheck(record({"step", "driver-init", "20"}) + kGpu + record({"ok", "0.1"}) +
                   record({"step", "runtime", "20"}) +
                   record({"fail", "runtime", "209", "no kernel image"}) + record({"end"}) +
                   "exit 0");
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kFailed);
  CHECK(cause(report, "runtime") ==
        "this bundle has no machine code for the GPU (compute capability 8.9; it has code for 9.0 "
        "10.0)");
  CHECK(report.reasons == Strings{"runtime failed: " + cause(report, "runtime")});
  CHECK_FALSE(report.programs.at(0).problem);
}

TEST_CASE("CUDA_VISIBLE_DEVICES of the caller reaches child and remedies") {
  FakeRelease release;
  release.request.environment.emplace_back("CUDA_VISIBLE_DEVICES=");
  release.request.environment.emplace_back("LD_PRELOAD=/nowhere/evil.so");
  release.gpucheck(
      "echo \"${CUDA_VISIBLE_DEVICES-unset} ${LD_PRELOAD-unset} $LC_ALL $HOME\" >&2\n" +
      record({"step", "driver-init", "20"}) + record({"fail", "driver", "100", "no device"}) +
      record({"end"}));
  const CheckReport report = release.run();
  CHECK(report.programs.at(0).error_tail == " unset C.UTF-8 /h\n");
  CHECK(report.state == CheckState::kNotTestable);
  CHECK(report.reasons ==
        Strings{"driver-init: CUDA_VISIBLE_DEVICES is set and empty, which hides every GPU"});
  REQUIRE(report.hostile.size() == 1);
  CHECK(report.hostile[0].name == "LD_PRELOAD");
}

TEST_CASE("a crash is told with step and signal, and what would have come with it") {
  FakeRelease release;
  release.gpucheck(record({"step", "driver-init", "20"}) + record({"ok", "0.1"}) +
                   record({"step", "cudnn-load", "20"}) + "kill -SEGV $$");
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kFailed);
  CHECK(step(report, "cudnn-load").state == StepState::kCrashed);
  CHECK(step(report, "cudnn-load").signal == SIGSEGV);
  CHECK(cause(report, "cudnn-load") ==
        "the check program crashed (SIGSEGV) inside the driver or a library");
  CHECK(step(report, "bandwidth").state == StepState::kNotRun);
  CHECK(step(report, "bandwidth").skip_reason == "the program had ended");
  CHECK(report.steps.size() == 10);
  CHECK(report.programs.at(0).signal == SIGSEGV);
  CHECK_FALSE(report.programs.at(0).problem);
}

TEST_CASE("a program that dies where no step is open") {
  FakeRelease release;
  SECTION("between two steps") {
    release.gpucheck(record({"step", "runtime", "20"}) + record({"ok", "0.1"}) + "kill -ABRT $$");
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons == Strings{"gpucheck: the check program crashed (SIGABRT) inside the "
                                    "driver or a library"});
    CHECK(step(report, "nccl").state == StepState::kNotRun);
  }
  SECTION("by itself, without a word") {
    release.gpucheck("exit 0");
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons == Strings{"gpucheck: the check program ended by itself (exit code 0) "
                                    "before it had said everything"});
  }
  SECTION("because its launcher could not start it") {
    release.gpucheck("echo 'envlaunch: error: the program is missing: x: ENOENT' >&2; exit 127");
    const CheckReport report = release.run();
    CHECK(report.reasons ==
          Strings{"gpucheck: the launcher could not start the check program (exit "
                  "code 127): its own words stand below"});
    CHECK(report_text(report).find("said: envlaunch: error: the program is missing") !=
          std::string::npos);
  }
  SECTION("after the end, with a crash") {
    release.gpucheck(record({"step", "runtime", "20"}) + kGpu + record({"ok", "0.1"}) +
                     record({"end"}) + "kill -SEGV $$");
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.programs.at(0).problem);
    CHECK(report.steps.size() == 1);
  }
}

TEST_CASE("a step that hangs: its limit, stretched and capped, and nothing after it") {
  FakeRelease release;
  release.torch(record({"step", "torch-import", "20"}) + record({"ok", "1"}) + record({"end"}));
  double shown = 0;
  SECTION("the program's own limit") {
    release.gpucheck(record({"step", "driver-init", "0.3"}) + "exec sleep 60");
    shown = 0.3;
  }
  SECTION("stretched") {
    release.request.limit.scale = 0.01;
    release.gpucheck(record({"step", "driver-init", "40"}) + "exec sleep 60");
    shown = 0.4;
  }
  SECTION("capped") {
    release.request.limit.cap_seconds = 0.5;
    release.gpucheck(record({"step", "driver-init", "40"}) + "exec sleep 60");
    shown = 0.5;
  }
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kFailed);
  CHECK(step(report, "driver-init").state == StepState::kTimedOut);
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", shown);
  CHECK(cause(report, "driver-init") ==
        "no answer within " + std::string(text) +
            " seconds: the driver or the GPU hangs, or the machine is very slow");
  CHECK(step(report, "nccl").skip_reason == "the program had ended");
  // PyTorch would hang as well.
  CHECK(step(report, "torch-import").state == StepState::kNotRun);
  CHECK(step(report, "torch-import").skip_reason == "the driver hung before");
  CHECK(report.programs.size() == 1);
  CHECK(report.programs[0].seconds < 15);
}

TEST_CASE("a program that hangs between steps, or that never begins, or that does not exit") {
  FakeRelease release;
  release.request.limit.cap_seconds = 0.4;
  SECTION("never begins") { release.gpucheck("exec sleep 60"); }
  SECTION("between steps") {
    release.gpucheck(record({"step", "runtime", "1"}) + record({"ok", "0.1"}) + "exec sleep 60");
  }
  SECTION("after the end") {
    release.gpucheck(record({"step", "runtime", "1"}) + record({"ok", "0.1"}) + record({"end"}) +
                     "exec sleep 60");
  }
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kFailed);
  REQUIRE(report.programs.at(0).problem);
  CHECK(report.programs[0].problem->cause ==
        "no answer within 0.4 seconds: the driver or the GPU hangs, or the machine is very slow");
}

TEST_CASE("a program that nothing can end does not hold the check up") {
  FakeRelease release;
  release.request.bounds.kill_grace = Milliseconds(200);
  pid_t pid = 0;
  release.request.bounds.send_signal = [&](pid_t target, int) {
    pid = std::abs(target);
    return 0;
  };
  release.gpucheck(record({"step", "driver-init", "0.3"}) + "exec sleep 60");
  const CheckReport report = release.run();
  CHECK(report.programs.at(0).abandoned);
  CHECK(
      cause(report, "driver-init") ==
      "no answer within 0.3 seconds, and the process cannot be ended: it waits inside the kernel, "
      "so the driver hangs");
  REQUIRE(pid > 1);
  ::kill(pid, SIGKILL);
}

TEST_CASE("output without end, and output that is none of ours") {
  FakeRelease release;
  SECTION("a flood") {
    release.request.bounds.lines = 200;
    release.gpucheck(record({"step", "runtime", "20"}) + "while :; do echo note; done");
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(cause(report, "runtime") == "the check program wrote without end and was ended");
  }
  SECTION("rubbish between good records") {
    release.gpucheck(
        "printf '\\000\\377\\n\\nok\\t1\\n'\nhead -c 65536 /dev/zero | tr '\\0' x\n"
        "echo\n" +
        record({"step", "runtime", "20"}) + kGpu + record({"gpu", "x"}) + record({"ok", "0.1"}) +
        record({"end"}));
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kPassed);
    CHECK(report.programs.at(0).rubbish == 3);  // "ok" before a step, the long line, half a GPU
    CHECK(report_text(report).find("3 lines were not understood") != std::string::npos);
  }
}

TEST_CASE("a library from elsewhere fails the check") {
  FakeRelease release;
  release.gpucheck(record({"step", "runtime", "20"}) + kGpu + record({"ok", "0.1"}) +
                   record({"step", "isolation", "20"}) +
                   record({"map", "/usr/lib64/libcudnn.so.9"}) + record({"ok", "0"}) +
                   record({"end"}));
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kFailed);
  CHECK(report.reasons == Strings{"a library is not the release's own: /usr/lib64/libcudnn.so.9"});
  CHECK(report.isolation.violations.at(0).expected ==
        "a file below " + std::filesystem::canonical(release.request.release_dir).string());
}

TEST_CASE("the release is known by its real path, and by the one that was given") {
  FakeRelease release;
  const std::filesystem::path link = release.dir.path() / "current";
  std::filesystem::create_directory_symlink(release.request.release_dir, link);
  const std::string real = std::filesystem::canonical(release.request.release_dir).string();
  release.gpucheck(
      record({"step", "isolation", "20"}) + record({"map", real + "/lib/libnccl.so.2"}) +
      record({"map", link.string() + "/lib/libnccl.so.2"}) + record({"ok", "0"}) + record({"end"}));
  release.request.release_dir = link.string();
  CHECK(release.run().isolation.release_files == 2);
}

TEST_CASE("programs that cannot be started") {
  FakeRelease release;
  SECTION("missing, in a release with CUDA") {
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.reasons == Strings{"gpucheck: cannot start " + release.at(kGpuCheckPath).string() +
                                    ": No such file or directory (ENOENT)"});
    CHECK(report.programs.at(0).problem->remedies ==
          Strings{"run 'envinstall verify /opt/dl --full' to see whether a file of the release is "
                  "damaged"});
  }
  SECTION("missing, in a release without CUDA") {
    release.request.facts.cuda.clear();
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kNotTestable);
    CHECK(report.reasons == Strings{"the release has no GPU check: it holds no CUDA libraries"});
    CHECK(report.programs.empty());
  }
  SECTION("not executable, as on a file system that is mounted noexec") {
    release.gpucheck("", 0644);
    const CheckReport report = release.run();
    CHECK(report.state == CheckState::kFailed);
    CHECK(report.programs.at(0).problem->cause ==
          "cannot start " + release.at(kGpuCheckPath).string() + ": Permission denied (EACCES)");
    CHECK(
        report.programs[0].problem->remedies.at(0) ==
        "have the file system of the prefix mounted without noexec, or choose a prefix on another "
        "one");
  }
}

TEST_CASE("PyTorch is only checked where it is") {
  FakeRelease release;
  release.gpucheck(record({"step", "runtime", "20"}) + kGpu + record({"ok", "0.1"}) +
                   record({"end"}));
  release.torch(record({"step", "torch-import", "20"}) + record({"ok", "1"}) + record({"end"}),
                false);
  CHECK(release.run().programs.size() == 1);
  write_script(release.at("lib/python3/dist-packages/torch/__init__.py"), "");
  const CheckReport report = release.run();
  CHECK(report.programs.size() == 2);
  CHECK(step(report, "torch-import").state == StepState::kOk);
  std::filesystem::remove(release.at(kTorchCheckPath));
  CHECK(release.run().programs.size() == 1);
}

TEST_CASE("a person stops the check") {
  FakeRelease release;
  release.gpucheck(record({"step", "runtime", "20"}) + record({"ok", "0.1"}) +
                   record({"step", "nccl", "20"}) + "exec sleep 60");
  release.torch(record({"end"}));
  int asked = 0;
  release.request.stopped = [&] { return ++asked > 5; };
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kNotTestable);
  CHECK(report.reasons == Strings{"the check was stopped before it had ended"});
  CHECK(step(report, "nccl").state == StepState::kNotRun);
  CHECK(step(report, "torch-import").skip_reason == "the check was stopped");
  CHECK(report.programs.size() == 1);
}

TEST_CASE("what the request says of a check is taken, old results are not") {
  FakeRelease release;
  release.request.about = bad_report();
  release.gpucheck(record({"end"}));
  const CheckReport report = release.run();
  CHECK(report.state == CheckState::kNotTestable);
  CHECK(report.gpus.empty());
  CHECK(report.steps.empty());
  CHECK(report.reasons == Strings{"no step could use a GPU"});
  CHECK(skipped_report(about(), "why").reasons == Strings{"why"});
  CHECK(skipped_report(about(), "why").state == CheckState::kSkipped);
}

}  // namespace
}  // namespace eb
