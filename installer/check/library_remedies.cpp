#include <algorithm>
#include <cctype>

#include "installer/check/isolation.hpp"
#include "installer/check/remedy_tables.hpp"

namespace eb::remedy {
namespace {

constexpr uint64_t kSmallShmBytes = 256u << 20;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The word that ends just before `mark`, as "libx.so.1" in "libx.so.1: cannot open …".
std::string word_before(const std::string& text, std::string_view mark) {
  const size_t end = text.find(mark);
  if (end == std::string::npos) return {};
  size_t begin = end;
  while (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '\'') --begin;
  return text.substr(begin, end - begin);
}

// The word after `mark`, up to a blank, quote, bracket or comma.
std::string word_after(const std::string& text, std::string_view mark) {
  const size_t at = text.find(mark);
  if (at == std::string::npos) return {};
  const size_t begin = at + mark.size();
  const size_t end = text.find_first_of(" ')`,", begin);
  return text.substr(begin, end == std::string::npos ? end : end - begin);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Diagnosis damaged(std::string cause, const RemedyFacts& facts) {
  return {std::move(cause), {verify_hint(facts)}};
}

Diagnosis old_symbol_version(const std::string& text, const RemedyFacts& facts) {
  // "/lib/libc.so.6: version `GLIBC_2.38' not found (required by /usr/lib64/libcuda.so.1)"
  const std::string version = word_after(text, "version `");
  const std::string user = word_after(text, "required by ");
  const bool is_glibc = version.starts_with("GLIBC_");
  Diagnosis out;
  out.cause = (user.empty() ? "a library" : base_name(user)) + " needs " +
              (is_glibc ? "glibc " + version.substr(6) : version) +
              ", and the one that the program was started with is older";
  if (is_glibc && is_driver_library(base_name(user))) {
    out.remedies.emplace_back(
        "the driver's libraries are newer than the bundle's glibc and the "
        "host's: use a bundle with a newer base, or the host's own driver "
        "package");
    out.remedies.emplace_back(
        "unset ENVLAUNCH_LIBC where it is set: without it the newer glibc is "
        "taken");
    return out;
  }
  out.remedies.emplace_back(
      "start programs through the prefix's bin, whose launcher chooses the "
      "libraries; unset LD_PRELOAD");
  out.remedies.push_back(verify_hint(facts));
  return out;
}

Diagnosis missing_library(const std::string& text, const RemedyFacts& facts) {
  const std::string library = base_name(word_before(text, ": cannot open shared object file"));
  Diagnosis out;
  out.cause = (library.empty() ? "a library" : library) + " was not found";
  if (library.starts_with("libcuda.so")) {
    out.cause = library + ", which comes with the NVIDIA driver, was not found on this machine";
    if (facts.pci_gpus == 0u && facts.gpu_nodes.value_or(0) == 0 && !facts.is_wsl) {
      out.is_circumstance = true;
    }
    if (facts.in_container) {
      out.remedies.emplace_back(
          "start the container with its GPUs (docker run --gpus all, "
          "apptainer --nv)");
    }
    out.remedies.emplace_back(
        "install the driver's user space, of the same version as the kernel "
        "module" +
        (facts.driver.empty() ? "" : " (" + facts.driver + ")"));
    out.remedies.emplace_back(
        "where it lies in an unusual folder: name that folder in LD_LIBRARY_PATH");
  } else if (is_driver_library(library)) {
    out.cause += ": only a part of the driver's libraries is here";
    out.remedies.emplace_back(
        "install the driver's whole user space, of the same version as the "
        "kernel module" +
        (facts.driver.empty() ? "" : " (" + facts.driver + ")"));
  } else {
    out.cause += " in the release: a file is missing, or the bundle mixes variants of CUDA";
    out.remedies.push_back(verify_hint(facts));
    out.remedies.emplace_back(
        "if nothing is missing, build the bundle anew from one set of wheels: "
        "nvidia/ must lie beside torch/, and the numbers behind .so must fit");
  }
  return out;
}

}  // namespace

std::string verify_command_text(const RemedyFacts& facts) {
  return "envinstall verify " + (facts.prefix.empty() ? "PREFIX" : facts.prefix) + " --full";
}

std::string verify_hint(const RemedyFacts& facts) {
  return "run '" + verify_command_text(facts) + "' to see whether a file of the release is damaged";
}

std::optional<Diagnosis> of_cublas(int64_t code, const RemedyFacts& facts) {
  // cublasStatus_t of cublas_api.h.
  switch (code) {
    case 1:
      return Diagnosis{
          "cuBLAS could not be set up: the driver is too old for it, or the GPU has no "
          "memory left",
          {"'nvidia-smi' shows the GPU's free memory and the driver's version",
           verify_hint(facts)}};
    case 3:
      return of_cuda(2, "", facts);
    case 8:
      return of_cuda(209, "", facts);
    case 13:
      return of_cuda(719, "", facts);
    case 14:
      return damaged("cuBLAS failed inside: damaged or mixed libraries, or failing hardware",
                     facts);
    case 15:
      return Diagnosis{"cuBLAS has no such operation for this GPU and type", {verify_hint(facts)}};
    default:
      return std::nullopt;
  }
}

std::optional<Diagnosis> of_cudnn(int64_t code, const RemedyFacts& facts) {
  // cudnnStatus_t of cuDNN 9 (FACTS §11.2).
  switch (code) {
    case 1001:
      return Diagnosis{
          "cuDNN could not be set up: the driver is too old for it, or the GPU has no "
          "memory left",
          {"'nvidia-smi' shows the GPU's free memory and the driver's version",
           verify_hint(facts)}};
    case 1002:
      return Diagnosis{"cuDNN's libraries are of different versions",
                       {"take folders with another cuDNN out of LD_LIBRARY_PATH and "
                        "/etc/ld.so.conf.d",
                        verify_hint(facts)}};
    case 1008:
    case 3009:
      return damaged(
          "one of cuDNN's libraries could not be loaded: they must all lie in one folder", facts);
    case 3007:
      return of_cuda(209, "", facts);
    case 3008:
      return damaged(
          "cuDNN did not find a library that it needs at run time, such as libnvrtc and "
          "libnvrtc-builtins",
          facts);
    case 4003:
      return Diagnosis{"cuDNN got no memory from the system; the release is not at fault",
                       {"free memory, or raise the job's memory limit"},
                       true};
    case 4004:
      return of_cuda(2, "", facts);
    default:
      break;
  }
  if (code >= 5000 && code < 6000) return of_cuda(719, "", facts);
  if (code >= 4000 && code < 5000) {
    return damaged("cuDNN failed inside: damaged or mixed libraries, or failing hardware", facts);
  }
  return std::nullopt;
}

std::optional<Diagnosis> of_nccl(int64_t code, const std::string& text, const RemedyFacts& facts) {
  if (code < 1 || code > 7) return std::nullopt;
  Diagnosis out;
  const bool small = facts.shm_bytes && *facts.shm_bytes < kSmallShmBytes;
  if (facts.mig_enabled) {
    out.cause = "NCCL does not work across MIG instances";
    out.remedies.emplace_back("give the job one MIG instance, or whole GPUs");
    return out;
  }
  if (small || holds(text, "No space left on device") || holds(text, "/dev/shm")) {
    out.cause = "NCCL needs shared memory between its processes, and /dev/shm " +
                (small ? "has only " + std::to_string(*facts.shm_bytes >> 20) + " MiB"
                       : std::string("is too small or full"));
    out.remedies.emplace_back("in a container: docker run --shm-size=1g, or --ipc=host");
    out.remedies.emplace_back(
        "elsewhere, as root: mount -o remount,size=50% /dev/shm; remove what "
        "fills it");
    return out;
  }
  switch (code) {
    case 1:
      out.cause = "a call of CUDA failed inside NCCL";
      break;
    case 2:
      out.cause =
          "a call of the system failed inside NCCL: shared memory, a socket or the "
          "network between the GPUs";
      break;
    case 6:
      out.cause = "another process of the NCCL group failed or went away";
      break;
    case 4:
    case 5:
      out.cause = "NCCL was called wrongly, or two versions of it are mixed";
      break;
    default:
      out.cause = "NCCL failed inside";
      break;
  }
  out.remedies.emplace_back(
      "run the check again with NCCL_DEBUG=INFO: the last lines name the call");
  out.remedies.emplace_back(
      "if NCCL_P2P_DISABLE=1 helps, direct access between the GPUs is broken "
      "(IOMMU or PCI ACS settings: a task for the machine's administrator)");
  out.remedies.push_back(verify_hint(facts));
  return out;
}

std::optional<Diagnosis> of_loader(const std::string& text, const RemedyFacts& facts) {
  if (holds(text, "version `") && holds(text, "not found")) return old_symbol_version(text, facts);
  if (holds(text, ": cannot open shared object file: Permission denied")) {
    return Diagnosis{base_name(word_before(text, ": cannot open shared object file")) +
                         " may not be read by this user",
                     {"look at the modes of the file and of the folders above it"}};
  }
  if (holds(text, ": cannot open shared object file")) return missing_library(text, facts);
  if (holds(text, "the release has no ")) {
    // gpucheck's own words.
    return damaged(
        word_after(text, "the release has no ") +
            " is not in the release: a file is missing, or the bundle was built without it",
        facts);
  }
  if (holds(text, "Unable to load any of {")) return of_cudnn(1008, facts);
  if (holds(text, "undefined symbol: ")) {
    return Diagnosis{base_name(word_before(text, ": undefined symbol")) + " lacks " +
                         word_after(text, "undefined symbol: ") +
                         ": libraries of different versions are mixed",
                     {"take folders with other CUDA, cuDNN or NCCL libraries out of "
                      "LD_LIBRARY_PATH; unset LD_PRELOAD",
                      verify_hint(facts)}};
  }
  if (holds(text, "failed to map segment from shared object")) {
    return Diagnosis{"the file system does not let programs be run from it (mounted noexec)",
                     {"have it mounted without noexec, or choose a prefix on another file system"}};
  }
  if (holds(text, "invalid ELF header") || holds(text, "file too short") ||
      holds(text, "ELF load command") || holds(text, "wrong ELF class")) {
    return damaged("a library is damaged or is none of this machine", facts);
  }
  if (holds(text, "cannot allocate memory in static TLS block")) {
    return Diagnosis{"the loader has no room left for the thread-local data of a library",
                     {"unset LD_PRELOAD and GLIBC_TUNABLES; import torch before other modules"}};
  }
  return std::nullopt;
}

}  // namespace eb::remedy
