#pragma once

#include <cerrno>
#include <csignal>

#include "installer/check/check_report.hpp"
#include "installer/check/run_check.hpp"

namespace eb::test {

inline CheckReport about() {
  CheckReport out;
  out.prefix = "/opt/dl";
  out.release = "pytorch-2.8.0-cu128";
  out.bundle_id = "9f2c5e0b7a1d4c3e8f6a0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f50";
  out.host = "node17";
  out.kernel = "5.14.0-427.13.1.el9_4.x86_64";
  out.when = "2026-03-04T05:06:07Z";
  out.installer = "0.1.0";
  out.driver = "550.144.03, open kernel module, libcuda /usr/lib64/libcuda.so.550.144.03";
  out.verdict_kind = "limited";
  out.verdict_text =
      "the driver is older than 570.124.06: PTX of this bundle cannot be translated, everything "
      "else "
      "works";
  return out;
}

inline CheckGpu sample_gpu(int ordinal) {
  return {ordinal,
          "NVIDIA H100 80GB HBM3",
          "GPU-1f2e3d4c-0000-0000-0000-00000000000" + std::to_string(ordinal),
          "00000000:3b:00.0",
          "9.0",
          85520809984};
}

inline ReportedStep good_step(const char* program, const char* name, double seconds,
                              std::vector<StepFigure> figures = {}) {
  ReportedStep out;
  out.program = program;
  out.step.name = name;
  out.step.state = StepState::kOk;
  out.step.seconds = seconds;
  out.step.limit_seconds = 60;
  out.step.figures = std::move(figures);
  return out;
}

inline ReportedStep skipped_step(const char* program, const char* name, const char* reason) {
  ReportedStep out = good_step(program, name, 0);
  out.step.state = StepState::kSkipped;
  out.step.skip_reason = reason;
  return out;
}

inline ReportedStep failed_step(const char* program, const char* name, StepFailure failure) {
  ReportedStep out = good_step(program, name, 0);
  out.step.state = StepState::kFailed;
  out.diagnosis = explain_failure(failure, {});
  out.step.failure = std::move(failure);
  return out;
}

inline ProgramRun ended_program(const char* name, const char* path) {
  ProgramRun out;
  out.name = name;
  out.path = path;
  out.seconds = 4.5;
  out.exit_code = 0;
  return out;
}

/// Two GPUs on which everything works.
inline CheckReport good_report() {
  CheckReport out = about();
  out.gpus = {sample_gpu(0), sample_gpu(1)};
  out.steps = {
      good_step("gpucheck", "driver-library", 0.01),
      good_step("gpucheck", "driver-init", 0.35, {{"cuda-driver", "12.4", "-"}}),
      good_step("gpucheck", "runtime", 0.21, {{"cuda-runtime", "12.8", "-"}}),
      good_step("gpucheck", "cublas-sgemm", 1.7,
                {{"speed", "41.2", "TFLOP/s"}, {"largest-error", "1.9e-06", "-"}}),
      good_step("gpucheck", "bandwidth", 0.8,
                {{"bandwidth-h2d", "53.1", "GB/s"},
                 {"bandwidth-d2h", "52.8", "GB/s"},
                 {"bandwidth-d2d", "2411.0", "GB/s"}}),
      good_step("gpucheck", "isolation", 0),
      good_step("torch", "torch-matmul", 12.25),
      skipped_step("torch", "torch-compile", "no C compiler in PATH: torch.compile needs one"),
  };
  out.steps[1].step.notes = {"MIG is off on both GPUs"};
  out.programs = {ended_program("gpucheck", "/opt/dl/releases/x/libexec/envbundle/gpucheck"),
                  ended_program("torch", "/opt/dl/releases/x/libexec/envbundle/torch_check.py")};
  out.isolation.judged = true;
  out.isolation.release_files = 31;
  out.isolation.driver_files = 4;
  out.isolation.glibc = GlibcSide::kRelease;
  judge_report(out);
  return out;
}

/// One of everything that can go wrong, with hostile text in it.
inline CheckReport bad_report() {
  CheckReport out = about();
  out.prefix = "/srv/gro\xc3\x9f/\x1b[2J";
  out.gpus = {sample_gpu(0)};
  ReportedStep hung = good_step("gpucheck", "nccl", 0, {{"ranks", "2", "-"}});
  hung.step.state = StepState::kTimedOut;
  hung.diagnosis = explain_timeout(60, true, {});
  ReportedStep crashed = good_step("torch", "torch-import", 0);
  crashed.step.state = StepState::kCrashed;
  crashed.step.signal = SIGSEGV;
  crashed.diagnosis = explain_crash(SIGSEGV, std::nullopt, {});
  ReportedStep left = good_step("torch", "torch-matmul", 0);
  left.step.state = StepState::kNotRun;
  left.step.skip_reason = "the program had ended";
  out.steps = {good_step("gpucheck", "driver-init", 0.35),
               failed_step("gpucheck", "runtime",
                           {"runtime", 35,
                            "CUDA driver version is "
                            "insufficient for CUDA runtime "
                            "version"}),
               skipped_step("gpucheck", "cublas-sgemm", "needs runtime"),
               failed_step("gpucheck", "cudnn-load",
                           {"loader", 0,
                            "libcudnn.so.9: cannot open shared object file: No such "
                            "file or directory"}),
               hung,
               crashed,
               left};
  out.steps[3].step.figures = {{"libraries", "3", "-"}};
  ProgramRun first = ended_program("gpucheck", "/srv/x/libexec/envbundle/gpucheck");
  first.exit_code.reset();
  first.abandoned = true;
  first.rubbish = 2;
  ProgramRun second = ended_program("torch", "/srv/x/libexec/envbundle/torch_check.py");
  second.exit_code.reset();
  second.signal = SIGSEGV;
  second.error_tail =
      "1\n2\n3\n4\n5\n6\n\n7\nFatal Python error: Segmentation fault\n  File "
      "\"torch_check.py\", line 7\xff in <module>\x1b[31m";
  ProgramRun third = ended_program("other", "/srv/x/libexec/envbundle/other");
  third.exit_code.reset();
  third.problem = explain_start_error(EACCES, third.path, {});
  out.programs = {first, second, third};
  out.isolation = judge_isolation(
      {"/usr/lib64/libcudnn.so.9", "/usr/lib64/libcuda.so.1", "/srv/x/lib/glibc/libc.so.6"},
      {"/srv/x"});
  out.hostile = {
      {"LD_PRELOAD", "/usr/lib64/libjemalloc.so.2", "loads a library into every program"}};
  judge_report(out);
  return out;
}

}  // namespace eb::test
