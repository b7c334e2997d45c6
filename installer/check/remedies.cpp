#include "installer/check/remedies.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "installer/base/version.hpp"
#include "installer/check/remedy_tables.hpp"

namespace eb {
namespace {

using namespace remedy;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// What torch's exceptions say, which carry CUDA's text and seldom its number.
constexpr struct {
  std::string_view text;
  const char* api;
  int64_t code;
} kTorchTexts[] = {
    {"driver on your system is too old", "runtime", 35},
    {"CUDA driver version is insufficient", "runtime", 35},
    {"No CUDA GPUs are available", "runtime", 100},
    {"no CUDA-capable device is detected", "runtime", 100},
    {"no kernel image is available", "runtime", 209},
    {"not compatible with the current PyTorch installation", "runtime", 209},
    {"compiled with an unsupported toolchain", "runtime", 222},
    {"PTX JIT compiler library was not found", "runtime", 221},
    {"Driver/library version mismatch", "runtime", 803},
    {"unsupported display driver / cuda driver combination", "runtime", 803},
    {"forward compatibility was attempted on non supported HW", "runtime", 804},
    {"system not yet initialized", "runtime", 802},
    {"busy or unavailable", "runtime", 46},
    {"uncorrectable ECC error", "runtime", 214},
    {"uncorrectable NVLink error", "runtime", 220},
    {"CUDA driver is a stub library", "runtime", 34},
    {"Cannot re-initialize CUDA in forked subprocess", "runtime", 3},
    {"illegal memory access", "runtime", 700},
    {"unspecified launch failure", "runtime", 719},
    {"out of memory", "runtime", 2},
    {"CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", "cudnn", 1002},
    {"CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", "cudnn", 1008},
    {"CUDNN_STATUS_NOT_INITIALIZED", "cudnn", 1001},
    {"CUDNN_STATUS_ARCH_MISMATCH", "cudnn", 3007},
    {"CUDNN_STATUS_RUNTIME_PREREQUISITE_MISSING", "cudnn", 3008},
    {"CUDNN_STATUS_EXECUTION_FAILED", "cudnn", 5000},
    {"CUDNN_STATUS_INTERNAL_ERROR", "cudnn", 4000},
    {"CUBLAS_STATUS_NOT_INITIALIZED", "cublas", 1},
    {"CUBLAS_STATUS_ALLOC_FAILED", "cublas", 3},
    {"CUBLAS_STATUS_ARCH_MISMATCH", "cublas", 8},
    {"CUBLAS_STATUS_EXECUTION_FAILED", "cublas", 13},
    {"CUBLAS_STATUS_INTERNAL_ERROR", "cublas", 14},
    {"CUBLAS_STATUS_NOT_SUPPORTED", "cublas", 15},
    {"unhandled cuda error", "nccl", 1},
    {"unhandled system error", "nccl", 2},
    {"NCCL error", "nccl", 3},
    {"ncclInternalError", "nccl", 3},
    {"ncclRemoteError", "nccl", 6},
    {"CUDA error: unknown error", "runtime", 999},
    {"CUDA unknown error", "runtime", 999},
};

std::string errno_text(int64_t value) {
  const char* name = strerrorname_np(static_cast<int>(value));
  const char* text = strerrordesc_np(static_cast<int>(value));
  if (name == nullptr || text == nullptr) return "error " + std::to_string(value);
  return std::string(text) + " (" + name + ")";
}

std::optional<Diagnosis> of_system(const StepFailure& failure, const RemedyFacts& facts) {
  const bool names_device = holds(failure.text, "/dev/nvidia");
  if ((failure.code == EACCES || failure.code == EPERM) &&
      (names_device || !facts.denied_nodes.empty())) {
    return of_denied_nodes(facts);
  }
  if (failure.code == ENOMEM) {
    return Diagnosis{"the system has no memory left; the release is not at fault",
                     {"free memory, or raise the job's memory limit"},
                     true};
  }
  if (failure.code == ENOSPC) {
    return Diagnosis{"a file system is full: of temporary files, of /dev/shm or of the home folder",
                     {"free space there, or set TMPDIR to a folder that has some"}};
  }
  return std::nullopt;
}

std::optional<Diagnosis> of_compare(const StepFailure& failure, const RemedyFacts& facts) {
  if (failure.api != "compare") return std::nullopt;
  return Diagnosis{
      "the GPU computed a wrong result: its hardware fails, or a library is damaged",
      {verify_hint(facts),
       "run the check on another GPU (CUDA_VISIBLE_DEVICES=1): if it passes there, take this GPU "
       "out of use and look at 'nvidia-smi -q -d ECC'"}};
}

// Torch's exceptions hold other libraries' texts: what they say in whole first.
std::optional<Diagnosis> of_torch(const StepFailure& failure, const RemedyFacts& facts) {
  if (auto found = of_loader(failure.text, facts)) return found;
  for (const auto& each : kTorchTexts) {
    if (!holds(failure.text, each.text)) continue;
    StepFailure known = failure;
    known.api = each.api;
    known.code = each.code;
    return explain_failure(known, facts);
  }
  if (failure.code != 0) return of_cuda(failure.code, failure.text, facts);
  return std::nullopt;
}

std::optional<Diagnosis> of_api(const StepFailure& failure, const RemedyFacts& facts) {
  const std::string& api = failure.api;
  if (api == "driver" || api == "runtime") return of_cuda(failure.code, failure.text, facts);
  if (api == "cublas") return of_cublas(failure.code, facts);
  if (api == "cudnn") {
    // cuDNN's own text about a library says more than its number.
    if (auto found = of_loader(failure.text, facts)) return found;
    return of_cudnn(failure.code, facts);
  }
  if (api == "nccl") return of_nccl(failure.code, failure.text, facts);
  if (api == "loader") return of_loader(failure.text, facts);
  if (api == "system") return of_system(failure, facts);
  if (api == "torch") return of_torch(failure, facts);
  return of_compare(failure, facts);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Diagnosis unknown(const StepFailure& failure, const RemedyFacts& facts) {
  Diagnosis out;
  const std::string text = first_line(failure.text);
  if (failure.api == "system") {
    out.cause =
        "the system refused: " + errno_text(failure.code) + (text.empty() ? "" : ", " + text);
  } else {
    out.cause = (failure.api.empty() ? "the program" : failure.api) + " failed" +
                (failure.code == 0 ? "" : " with code " + std::to_string(failure.code)) +
                (text.empty() ? "" : ": " + text) + "; this program does not know a remedy";
  }
  out.remedies.push_back(verify_hint(facts));
  out.remedies.emplace_back(
      "look for 'NVRM' and 'Xid' in the output of dmesg, and the code in the library's manual");
  return out;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", seconds);
  return std::string(text) + (seconds == 1 ? " second" : " seconds");
}

}  // namespace

std::string cuda_version_text(int64_t number) {
  if (number < 1000 || number >= 100'000) return {};
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::optional<bool> has_code_for(std::string_view sass, std::string_view capability) {
  const auto split = [](std::string_view text) -> std::optional<std::pair<int, int>> {
    std::pair<int, int> out;
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto whole = [](std::string_view part, int& value) {
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
      return error == std::errc() && end == part.data() + part.size();
    };
    if (!whole(text.substr(0, dot), out.first) || !whole(text.substr(dot + 1), out.second)) {
      return std::nullopt;
    }
    return out;
  };
  const auto gpu = split(capability);
  if (!gpu || sass.empty()) return std::nullopt;
  while (!sass.empty()) {
    const size_t end = std::min(sass.find(' '), sass.size());
    std::string_view word = sass.substr(0, end);
    sass.remove_prefix(std::min(end + 1, sass.size()));
    // "9.0a" is for 9.0 alone. "10.0f" is for a family, which is the major version's later ones.
    const bool exact = word.ends_with('a');
    if (exact || word.ends_with('f')) word.remove_suffix(1);
    const auto code = split(word);
    if (code &&
        (exact ? *code == *gpu : code->first == gpu->first && code->second <= gpu->second)) {
      return true;
    }
  }
  return false;
}

Diagnosis explain_failure(const StepFailure& failure, const RemedyFacts& facts) {
  if (auto found = of_api(failure, facts)) return *std::move(found);
  return unknown(failure, facts);
}

Diagnosis explain_crash(int signal, std::optional<int> exit_code, const RemedyFacts& facts) {
  Diagnosis out;
  switch (signal) {
    case 0:
      out.cause = exit_code ? "the check program ended by itself (exit code " +
                                  std::to_string(*exit_code) + ") before it had said everything"
                            : "the check program ended before it had said everything";
      out.remedies.push_back(verify_hint(facts));
      return out;
    case SIGKILL:
      out.cause =
          "something ended the check program (SIGKILL); most often there was too little "
          "memory";
      out.remedies.emplace_back(
          "look for 'Out of memory' in the output of dmesg, and raise the "
          "job's memory limit");
      return out;
    case SIGILL:
      out.cause = "the check program met an instruction that this CPU does not have (SIGILL)";
      out.remedies.emplace_back(
          "use a bundle that is built for this CPU: old machines and some "
          "virtual ones lack AVX2");
      out.remedies.push_back(verify_hint(facts));
      return out;
    case SIGBUS:
      out.cause =
          "the check program could not read a file that it had mapped, or /dev/shm is full "
          "(SIGBUS)";
      out.remedies.push_back(verify_hint(facts));
      out.remedies.emplace_back(
          "look at the state of the disk or the server, and at the free space "
          "of /dev/shm (df -h /dev/shm)");
      return out;
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGXCPU:
      out.cause = "something ended the check program (" + signal_text(signal) +
                  "): a batch system, a limit or a person";
      out.remedies.emplace_back("run the check again");
      return out;
    default:
      break;
  }
  out.cause =
      "the check program crashed (" + signal_text(signal) + ") inside the driver or a library";
  out.remedies.push_back(verify_hint(facts));
  out.remedies.emplace_back(
      "look for 'NVRM' and 'Xid' in the output of dmesg: a driver whose parts "
      "are of different versions, or a failing GPU, crashes programs");
  return out;
}

Diagnosis explain_timeout(double limit_seconds, bool unkillable, const RemedyFacts& facts) {
  Diagnosis out;
  out.cause = "no answer within " + seconds_text(limit_seconds);
  if (unkillable) {
    out.cause +=
        ", and the process cannot be ended: it waits inside the kernel, so the driver hangs";
  } else {
    out.cause += ": the driver or the GPU hangs, or the machine is very slow";
  }
  out.remedies.emplace_back(
      "look for 'Xid' in the output of dmesg, and see whether 'nvidia-smi -q' "
      "answers");
  out.remedies.emplace_back("if it does not: take the node out of use (drain it) and reboot it");
  if (!unkillable) {
    out.remedies.emplace_back(
        "if it does, the machine or its file server is slow: check again at a "
        "quieter time");
  }
  if (facts.in_container || facts.in_slurm_job) {
    out.remedies.emplace_back("look at the job's CPU limit: a small share of a CPU is slow too");
  }
  return out;
}

Diagnosis explain_start_error(int errno_value, const std::string& program,
                              const RemedyFacts& facts) {
  Diagnosis out;
  out.cause = "cannot start " + program + ": " + errno_text(errno_value);
  switch (errno_value) {
    case EACCES:
    case EPERM:
      out.remedies.emplace_back(
          "have the file system of the prefix mounted without noexec, or "
          "choose a prefix on another one");
      out.remedies.emplace_back("look at the modes of the file and of the folders above it");
      break;
    case ENOEXEC:
      out.remedies.emplace_back(
          "the bundle is for another kind of machine, or the file is damaged: "
          "run '" +
          verify_command_text(facts) + "'");
      break;
    case ENOMEM:
    case EAGAIN:
      out.remedies.emplace_back(
          "free memory, or raise the limits of memory and processes (ulimit "
          "-u)");
      out.is_circumstance = true;
      break;
    default:
      out.remedies.push_back(verify_hint(facts));
      break;
  }
  return out;
}

}  // namespace eb
