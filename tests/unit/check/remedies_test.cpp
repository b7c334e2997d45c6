#include "installer/check/remedies.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>

#include "golden_text.hpp"

namespace eb {
namespace {

constexpr int64_t kNoCode = 0;

// A bundle on a machine of which everything is known and nothing is wrong.
RemedyFacts usual() {
  RemedyFacts out;
  out.prefix = "/opt/dl";
  out.cuda = "12.8";
  out.driver = "550.144.03";
  out.min_driver = "525.60.13";
  out.recommended_driver = "570.124.06";
  out.sass = "7.0 7.5 8.0 8.6 9.0 10.0 12.0";
  out.gpu_capability = "8.9";
  out.pci_gpus = 2;
  out.gpu_nodes = 2;
  out.uvm_node = true;
  return out;
}

RemedyFacts with(const std::function<void(RemedyFacts&)>& change) {
  RemedyFacts out = usual();
  change(out);
  return out;
}

std::string text_of(const Diagnosis& diagnosis) {
  std::string out = "  why: " + diagnosis.cause + "\n";
  for (const std::string& remedy : diagnosis.remedies) out += "  try: " + remedy + "\n";
  if (diagnosis.is_circumstance) out += "  (says nothing about the release)\n";
  return out;
}

struct Row {
  const char* title;
  StepFailure failure;
  RemedyFacts facts;
};

// Every row of FACTS §11.5, with what is known of the machine where that changes the answer.
std::vector<Row> rows() {
  const std::string torch_too_old =
      "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please "
      "update your GPU driver";
  const RemedyFacts nothing;
  return {
      {"35, driver known",
       {"runtime", 35, "CUDA driver version is insufficient"},
       with([](RemedyFacts& f) {
         f.driver = "470.57.02";
         f.fitting_cuda = "11.8";
       })},
      {"35, torch's own words", {"torch", 0, torch_too_old}, with([](RemedyFacts& f) {
         f.driver = "470.57.02";
       })},
      {"35, nothing known", {"runtime", 35, ""}, nothing},
      {"35, only CUDA 13.0 known",
       {"runtime", 35, ""},
       [] {
         RemedyFacts f;
         f.cuda = "13.0";
         return f;
       }()},
      {"35, the kernel module is new enough", {"runtime", 35, ""}, usual()},
      {"36, driver known", {"runtime", 36, ""}, with([](RemedyFacts& f) {
         f.driver = "510.47.03";
       })},
      {"100, CUDA_VISIBLE_DEVICES empty",
       {"driver", 100, "no CUDA-capable device is detected"},
       with([](RemedyFacts& f) { f.visible_devices = ""; })},
      {"100, CUDA_VISIBLE_DEVICES of a Slurm job without GPUs",
       {"driver", 100, ""},
       with([](RemedyFacts& f) {
         f.visible_devices = "NoDevFiles";
         f.in_slurm_job = true;
       })},
      {"100, no GPU", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.pci_gpus = 0;
         f.gpu_nodes = 0;
       })},
      {"100, no GPU, in a Slurm job", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.pci_gpus = 0;
         f.gpu_nodes = 0;
         f.in_slurm_job = true;
       })},
      {"100, container without devices", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.gpu_nodes = 0;
         f.in_container = true;
       })},
      {"100, Slurm job without GPUs", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.gpu_nodes = 0;
         f.in_slurm_job = true;
       })},
      {"100, no device files", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.gpu_nodes = 0;
         f.pci_gpus = 1;
       })},
      {"100, device files may not be opened", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.denied_nodes = {"/dev/nvidia0", "/dev/nvidiactl"};
       })},
      {"100, MIG without an instance", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.mig_enabled = true;
         f.mig_instances = 0;
       })},
      {"100, CUDA_VISIBLE_DEVICES names nothing", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.visible_devices = "7";
       })},
      {"100, MIG and CUDA_VISIBLE_DEVICES names nothing",
       {"driver", 100, ""},
       with([](RemedyFacts& f) {
         f.visible_devices = "0";
         f.mig_enabled = true;
         f.mig_instances = 2;
       })},
      {"100, GPUs are there", {"driver", 100, ""}, usual()},
      {"100, under WSL, in a container", {"driver", 100, ""}, with([](RemedyFacts& f) {
         f.is_wsl = true;
         f.pci_gpus = 0;
         f.gpu_nodes = 0;
         f.in_container = true;
       })},
      {"100, torch's words", {"torch", 0, "RuntimeError: No CUDA GPUs are available"}, nothing},
      {"999, /dev/nvidia-uvm missing", {"driver", 999, "unknown error"}, with([](RemedyFacts& f) {
         f.uvm_node = false;
       })},
      {"999, /dev/nvidia-uvm there", {"driver", 999, "unknown error"}, usual()},
      {"999, nothing known", {"driver", 999, "unknown error"}, nothing},
      {"304, in a container", {"driver", 304, "OS call failed"}, with([](RemedyFacts& f) {
         f.uvm_node = false;
         f.in_container = true;
       })},
      {"101", {"driver", 101, "invalid device ordinal"}, nothing},
      {"999, device files may not be opened", {"driver", 999, ""}, with([](RemedyFacts& f) {
         f.denied_nodes = {"/dev/nvidia-uvm"};
         f.in_container = true;
       })},
      {"EACCES on a device file",
       {"system", EACCES, "/dev/nvidiactl: Permission denied"},
       with([](RemedyFacts& f) { f.in_slurm_job = true; })},
      {"209, GPU too old",
       {"runtime", 209, "no kernel image is available for execution"},
       with([](RemedyFacts& f) { f.gpu_capability = "6.1"; })},
      {"209, GPU too new", {"runtime", 209, ""}, with([](RemedyFacts& f) {
         f.gpu_capability = "12.0";
         f.sass = "5.0 6.0 7.0 8.0 9.0";
       })},
      {"209, GPU not known",
       {"torch", 0,
        "RuntimeError: CUDA error: no kernel image is available for execution on the device"},
       with([](RemedyFacts& f) { f.gpu_capability = ""; })},
      {"209, the main library has code", {"runtime", 209, ""}, usual()},
      {"222",
       {"driver", 222, "the provided PTX was compiled with an unsupported toolchain"},
       usual()},
      {"222, the driver is the bundle's own", {"driver", 222, ""}, with([](RemedyFacts& f) {
         f.driver = "570.124.06";
       })},
      {"222, nothing known", {"driver", 222, ""}, nothing},
      {"221", {"driver", 221, "PTX JIT compiler library not found"}, usual()},
      {"803",
       {"driver", 803, "system has unsupported display driver / cuda driver combination"},
       usual()},
      {"NVML's words",
       {"torch", 0, "Failed to initialize NVML: Driver/library version mismatch"},
       nothing},
      {"804", {"driver", 804, "forward compatibility was attempted on non supported HW"}, usual()},
      {"802", {"driver", 802, "system not yet initialized"}, usual()},
      {"46", {"runtime", 46, "CUDA-capable device(s) is/are busy or unavailable"}, usual()},
      {"805", {"driver", 805, ""}, usual()},
      {"806", {"driver", 806, ""}, usual()},
      {"807", {"driver", 807, ""}, usual()},
      {"808", {"driver", 808, ""}, usual()},
      {"809", {"driver", 809, ""}, usual()},
      {"810", {"driver", 810, ""}, usual()},
      {"214", {"runtime", 214, "uncorrectable ECC error encountered"}, usual()},
      {"220", {"runtime", 220, "uncorrectable NVLink error"}, usual()},
      {"2", {"runtime", 2, "out of memory"}, usual()},
      {"2, torch's words",
       {"torch", 0, "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."},
       nothing},
      {"34", {"driver", 34, "CUDA driver is a stub library"}, usual()},
      {"3", {"runtime", 3, "initialization error"}, usual()},
      {"3, torch's words",
       {"torch", 0, "RuntimeError: Cannot re-initialize CUDA in forked subprocess."},
       usual()},
      {"700", {"runtime", 700, "an illegal memory access was encountered"}, usual()},
      {"libcuda missing",
       {"loader", kNoCode,
        "libcuda.so.1: cannot open shared object file: No such file or directory"},
       with([](RemedyFacts& f) { f.in_container = true; })},
      {"libcuda missing, no GPU",
       {"loader", kNoCode,
        "libcuda.so.1: cannot open shared object file: No such file or directory"},
       with([](RemedyFacts& f) {
         f.driver = "";
         f.pci_gpus = 0;
         f.gpu_nodes = 0;
       })},
      {"a library of the driver missing",
       {"loader", kNoCode,
        "libnvidia-ptxjitcompiler.so.1: cannot open shared object file: No such file or directory"},
       usual()},
      {"libcudnn missing",
       {"loader", kNoCode,
        "libcudnn.so.9: cannot open shared object file: No such file or directory"},
       usual()},
      {"libcudart missing, torch's words",
       {"torch", 0,
        "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory"},
       nothing},
      {"libcudart missing, gpucheck's words",
       {"loader", kNoCode, "the release has no libcudart.so"},
       usual()},
      {"a library may not be read",
       {"loader", kNoCode,
        "/opt/dl/lib/libcublas.so.12: cannot open shared object file: Permission denied"},
       usual()},
      {"cuDNN finds none of its libraries",
       {"cudnn", 1008, "Unable to load any of {libcudnn_graph.so.9.1.0, libcudnn_graph.so.9}"},
       usual()},
      {"the driver needs a newer glibc",
       {"loader", kNoCode,
        "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by "
        "/usr/lib64/libcuda.so.1)"},
       usual()},
      {"the release needs a newer glibc",
       {"torch", 0,
        "ImportError: /lib64/libm.so.6: version `GLIBC_2.29' not found (required by "
        "/opt/dl/lib/libtorch_cpu.so)"},
       usual()},
      {"a foreign libstdc++",
       {"loader", kNoCode,
        "/usr/lib64/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by "
        "/opt/dl/lib/libtorch_cpu.so)"},
       usual()},
      {"undefined symbol",
       {"loader", kNoCode,
        "/opt/dl/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version "
        "libnvJitLink.so.12"},
       usual()},
      {"noexec",
       {"loader", kNoCode,
        "/mnt/x/libcudart.so.12: failed to map segment from shared object: Operation not "
        "permitted"},
       usual()},
      {"damaged library",
       {"loader", kNoCode, "/opt/dl/lib/libcudart.so.12: file too short"},
       usual()},
      {"static TLS",
       {"loader", kNoCode, "libgomp.so.1: cannot allocate memory in static TLS block"},
       usual()},
      {"cuBLAS 1", {"cublas", 1, "CUBLAS_STATUS_NOT_INITIALIZED"}, usual()},
      {"cuBLAS 3", {"cublas", 3, "CUBLAS_STATUS_ALLOC_FAILED"}, usual()},
      {"cuBLAS 8", {"cublas", 8, "CUBLAS_STATUS_ARCH_MISMATCH"}, with([](RemedyFacts& f) {
         f.gpu_capability = "5.2";
       })},
      {"cuBLAS 13", {"cublas", 13, "CUBLAS_STATUS_EXECUTION_FAILED"}, usual()},
      {"cuBLAS 14", {"cublas", 14, "CUBLAS_STATUS_INTERNAL_ERROR"}, usual()},
      {"cuBLAS 15", {"cublas", 15, "CUBLAS_STATUS_NOT_SUPPORTED"}, usual()},
      {"cuDNN 1001", {"cudnn", 1001, "CUDNN_STATUS_NOT_INITIALIZED"}, usual()},
      {"cuDNN 1002", {"cudnn", 1002, "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"}, usual()},
      {"cuDNN 3007", {"cudnn", 3007, "CUDNN_STATUS_ARCH_MISMATCH"}, with([](RemedyFacts& f) {
         f.gpu_capability = "5.2";
       })},
      {"cuDNN 3008", {"cudnn", 3008, "CUDNN_STATUS_RUNTIME_PREREQUISITE_MISSING"}, usual()},
      {"cuDNN 3009", {"cudnn", 3009, "CUDNN_STATUS_SUBLIBRARY_UNAVAILABLE"}, usual()},
      {"cuDNN 4003", {"cudnn", 4003, "CUDNN_STATUS_HOST_ALLOCATION_FAILED"}, usual()},
      {"cuDNN 4004", {"cudnn", 4004, "CUDNN_STATUS_DEVICE_ALLOCATION_FAILED"}, usual()},
      {"cuDNN 4000",
       {"torch", 0, "RuntimeError: cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"},
       usual()},
      {"cuDNN 5000", {"cudnn", 5000, "CUDNN_STATUS_EXECUTION_FAILED"}, usual()},
      {"NCCL, small /dev/shm", {"nccl", 2, "unhandled system error"}, with([](RemedyFacts& f) {
         f.shm_bytes = 64u << 20;
         f.in_container = true;
       })},
      {"NCCL, /dev/shm is full",
       {"torch", 0,
        "DistBackendError: NCCL error in: x.cpp:1, unhandled system error, NCCL version 2.27.3. "
        "Error "
        "while creating shared memory segment /dev/shm/nccl-x (size 9637888): No space left on "
        "device"},
       with([](RemedyFacts& f) { f.shm_bytes = uint64_t{8} << 30; })},
      {"NCCL, MIG", {"nccl", 5, "invalid usage"}, with([](RemedyFacts& f) {
         f.mig_enabled = true;
         f.mig_instances = 2;
       })},
      {"NCCL 1", {"nccl", 1, "unhandled cuda error"}, usual()},
      {"NCCL 2", {"nccl", 2, "unhandled system error"}, usual()},
      {"NCCL 3", {"nccl", 3, "internal error"}, usual()},
      {"NCCL 5", {"nccl", 5, "invalid usage"}, usual()},
      {"NCCL 6", {"nccl", 6, "remote process exited or there was a network error"}, usual()},
      {"a wrong result", {"compare", kNoCode, "largest difference 3.5, allowed 0.001"}, usual()},
      {"ENOMEM", {"system", ENOMEM, "mmap"}, usual()},
      {"ENOSPC", {"system", ENOSPC, "write"}, usual()},
  };
}

TEST_CASE("every failure that is known has its cause and its remedies") {
  std::string all;
  for (const Row& row : rows()) {
    const Diagnosis diagnosis = explain_failure(row.failure, row.facts);
    INFO(row.title);
    CHECK(diagnosis.cause.find("does not know") == std::string::npos);
    CHECK_FALSE(diagnosis.cause.empty());
    CHECK_FALSE(diagnosis.remedies.empty());
    for (const std::string& line : diagnosis.remedies) {
      CHECK(line.back() != '.');
      CHECK(line.find('\n') == std::string::npos);
    }
    all += std::string(row.title) + "\n" + text_of(diagnosis) + "\n";
  }
  test::check_golden("remedies.txt", all);
}

TEST_CASE("every code of the table of failures is known, whoever reports it") {
  for (const int64_t code : {35, 36,  100, 999, 304, 101, 209, 222, 221, 803, 804, 802,
                             46, 805, 806, 807, 808, 809, 810, 214, 220, 2,   34,  3}) {
    INFO(code);
    const Diagnosis of_driver = explain_failure({"driver", code, "text"}, usual());
    CHECK(of_driver.cause.find("does not know") == std::string::npos);
    CHECK(explain_failure({"runtime", code, "text"}, usual()).cause == of_driver.cause);
    // An exception of Python that carries CUDA's number.
    CHECK(explain_failure({"torch", code, "text"}, usual()).cause == of_driver.cause);
  }
}

TEST_CASE("what is not known is said so, with code and text") {
  const auto cause = [](const StepFailure& failure) {
    return explain_failure(failure, usual()).cause;
  };
  CHECK(cause({"driver", 12345, "strange"}) ==
        "driver failed with code 12345: strange; this program does not know a remedy");
  CHECK(cause({"cublas", 77, ""}) ==
        "cublas failed with code 77; this program does not know a remedy");
  CHECK(cause({"cudnn", 2000, "CUDNN_STATUS_BAD_PARAM"}) ==
        "cudnn failed with code 2000: CUDNN_STATUS_BAD_PARAM; this program does not know a remedy");
  CHECK(cause({"nccl", 99, "x"}) ==
        "nccl failed with code 99: x; this program does not know a remedy");
  CHECK(cause({"torch", 0, "ValueError: x\nmore"}) ==
        "torch failed: ValueError: x; this program does not know a remedy");
  CHECK(cause({"torch", 0, ""}) == "torch failed; this program does not know a remedy");
  CHECK(cause({"loader", 0, "odd"}) == "loader failed: odd; this program does not know a remedy");
  CHECK(cause({"", 0, ""}) == "the program failed; this program does not know a remedy");
  CHECK(cause({"rocm", 1, "x"}) ==
        "rocm failed with code 1: x; this program does not know a remedy");
  CHECK(cause({"system", EIO, "read"}) == "the system refused: Input/output error (EIO), read");
  CHECK(cause({"system", 98765, ""}) == "the system refused: error 98765");
  // No device is named and none is denied: some other file.
  CHECK(cause({"system", EACCES, "/opt/x"}) ==
        "the system refused: Permission denied (EACCES), /opt/x");
  CHECK(
      explain_failure({"driver", 12345, ""}, usual()).remedies ==
      std::vector<std::string>{
          "run 'envinstall verify /opt/dl --full' to see whether a file of the release is damaged",
          "look for 'NVRM' and 'Xid' in the output of dmesg, and the code in the library's "
          "manual"});
}

TEST_CASE("crashes, hanging and programs that do not start") {
  std::string all;
  const auto add = [&](const std::string& title, const Diagnosis& diagnosis) {
    all += title + "\n" + text_of(diagnosis) + "\n";
  };
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGKILL, SIGTERM}) {
    add(signal_text(signal), explain_crash(signal, std::nullopt, usual()));
  }
  add("exit code 1", explain_crash(0, 1, usual()));
  add("no exit code", explain_crash(0, std::nullopt, {}));
  add("time-out", explain_timeout(60, false, usual()));
  add("time-out of one second in a container",
      explain_timeout(1, false, with([](RemedyFacts& f) { f.in_container = true; })));
  add("time-out, unkillable", explain_timeout(0.3, true, usual()));
  for (const int error : {EACCES, ENOENT, ENOEXEC, EAGAIN, ENOMEM, EIO}) {
    add("start, errno " + std::string(strerrorname_np(error)),
        explain_start_error(error, "/opt/dl/releases/x/libexec/envbundle/gpucheck", usual()));
  }
  test::check_golden("endings.txt", all);
}

TEST_CASE("cuDriverGetVersion's number") {
  CHECK(cuda_version_text(11040) == "11.4");
  CHECK(cuda_version_text(12080) == "12.8");
  CHECK(cuda_version_text(13000) == "13.0");
  CHECK(cuda_version_text(9020) == "9.2");
  CHECK(cuda_version_text(0).empty());
  CHECK(cuda_version_text(-11040).empty());
  CHECK(cuda_version_text(1'000'000).empty());
}

TEST_CASE("machine code runs on later GPUs of the same major version") {
  CHECK(has_code_for("8.6", "8.9") == true);
  CHECK(has_code_for("8.9", "8.6") == false);
  CHECK(has_code_for("7.0 7.5 12.0", "12.1") == true);
  CHECK(has_code_for("7.0 7.5", "8.0") == false);
  CHECK(has_code_for("9.0a", "9.0") == true);
  CHECK(has_code_for("10.0a", "10.3") == false);
  CHECK(has_code_for("10.0f", "10.3") == true);
  CHECK(has_code_for("x y.z 8.0", "8.0") == true);
  CHECK(!has_code_for("", "8.0"));
  CHECK(!has_code_for("8.0", ""));
  CHECK(!has_code_for("8.0", "eight"));
}

}  // namespace
}  // namespace eb
