#include <charconv>

#include "installer/base/version.hpp"
#include "installer/check/remedy_tables.hpp"

namespace eb::remedy {
namespace {

// Numbers of cuda.h (CUresult) and driver_types.h (cudaError_t).
constexpr int64_t kOutOfMemory = 2;
constexpr int64_t kNotInitialized = 3;
constexpr int64_t kStubLibrary = 34;
constexpr int64_t kInsufficientDriver = 35;
constexpr int64_t kNewerDriverNeeded = 36;
constexpr int64_t kDeviceUnavailable = 46;
constexpr int64_t kNoDevice = 100;
constexpr int64_t kInvalidDevice = 101;
constexpr int64_t kNoBinaryForGpu = 209;
constexpr int64_t kEccUncorrectable = 214;
constexpr int64_t kNvlinkUncorrectable = 220;
constexpr int64_t kJitCompilerNotFound = 221;
constexpr int64_t kUnsupportedPtx = 222;
constexpr int64_t kOperatingSystem = 304;
constexpr int64_t kIllegalAddress = 700;
constexpr int64_t kLaunchFailed = 719;
constexpr int64_t kSystemNotReady = 802;
constexpr int64_t kSystemDriverMismatch = 803;
constexpr int64_t kCompatNotSupported = 804;
constexpr int64_t kFirstMps = 805;
constexpr int64_t kLastMps = 810;
constexpr int64_t kUnknown = 999;

std::string count_of_gpus(unsigned count) {
  return std::to_string(count) + (count == 1 ? " NVIDIA GPU" : " NVIDIA GPUs");
}

// The lowest driver for the bundle's CUDA inside minor-version compatibility (FACTS §2 b), where
// the bundle does not say.
std::string min_driver(const RemedyFacts& facts) {
  if (!facts.min_driver.empty()) return facts.min_driver;
  if (facts.cuda.starts_with("11.")) return "450.80.02";
  if (facts.cuda.starts_with("12.")) return "525.60.13";
  if (facts.cuda.starts_with("13.")) return "580";
  return {};
}

bool is_at_least(const std::string& version, const std::string& wanted) {
  const auto a = DottedVersion::parse(version);
  const auto b = DottedVersion::parse(wanted);
  return a && b && *a >= *b;
}

// N of "found version N" in torch's own message.
std::string cuda_in(const std::string& text) {
  const std::string_view key = "found version ";
  const size_t at = text.find(key);
  if (at == std::string::npos) return {};
  int64_t number = 0;
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  return cuda_version_text(number);
}

Diagnosis insufficient_driver(const std::string& text, const RemedyFacts& facts) {
  Diagnosis out;
  const std::string supported = cuda_in(text);
  const std::string needed = min_driver(facts);
  if (is_at_least(facts.driver, needed)) {
    out.cause = "the driver's library libcuda.so.1 is too old, though the kernel module " +
                facts.driver + " is new enough";
    out.remedies.emplace_back(
        "another libcuda.so.1 comes first: take its folder out of LD_LIBRARY_PATH and "
        "/etc/ld.so.conf.d, or remove what an older driver left behind");
    out.remedies.emplace_back("'ls -l' of libcuda.so.1 shows the version of the library");
    return out;
  }
  out.cause = "the NVIDIA driver" + (facts.driver.empty() ? "" : " " + facts.driver);
  out.cause += supported.empty() ? " is too old" : " supports CUDA up to " + supported;
  out.cause += "; the CUDA" + (facts.cuda.empty() ? "" : " " + facts.cuda) + " of this bundle";
  out.cause += needed.empty() ? " needs a newer driver" : " needs driver " + needed + " or newer";
  std::string update = "update the NVIDIA driver";
  if (!needed.empty()) update += " to " + needed + " or newer";
  if (!facts.recommended_driver.empty()) {
    update += " (from " + facts.recommended_driver + " on nothing is limited)";
  }
  out.remedies.push_back(update);
  out.remedies.push_back(facts.fitting_cuda.empty()
                             ? "or install a bundle for an older CUDA"
                             : "or install a bundle for CUDA " + facts.fitting_cuda +
                                   ", which this driver can run");
  out.remedies.emplace_back(
      "or, on a data-centre GPU, use a bundle that carries the cuda-compat library");
  return out;
}

bool hides_all(const std::string& visible) {
  // Slurm writes NoDevFiles into a job without GPUs.
  return visible.empty() || visible == "-1" || visible == "NoDevFiles";
}

Diagnosis no_device(const RemedyFacts& facts) {
  Diagnosis out;
  const std::string ask_slurm = "ask Slurm for a GPU, e.g. with --gres=gpu:1";
  if (facts.visible_devices && hides_all(*facts.visible_devices)) {
    out.is_circumstance = true;
    out.cause = facts.visible_devices->empty()
                    ? "CUDA_VISIBLE_DEVICES is set and empty, which hides every GPU"
                    : "CUDA_VISIBLE_DEVICES=" + *facts.visible_devices + " hides every GPU";
    if (facts.in_slurm_job) out.remedies.push_back(ask_slurm);
    out.remedies.emplace_back(
        "unset CUDA_VISIBLE_DEVICES, or set it to the GPUs to use: CUDA_VISIBLE_DEVICES=0");
    return out;
  }
  if (!facts.denied_nodes.empty()) return of_denied_nodes(facts);
  const bool no_nodes = facts.gpu_nodes == 0u;
  if (facts.pci_gpus == 0u && facts.gpu_nodes.value_or(0) == 0 && !facts.is_wsl) {
    out.is_circumstance = true;
    out.cause = "this machine shows no NVIDIA GPU";
    out.remedies.emplace_back("run 'envinstall check " +
                              (facts.prefix.empty() ? "PREFIX" : facts.prefix) +
                              "' on a machine that has one");
    if (facts.in_slurm_job) out.remedies.push_back(ask_slurm);
    return out;
  }
  if (no_nodes && facts.pci_gpus.value_or(0) > 0) {
    const std::string there = count_of_gpus(*facts.pci_gpus);
    if (facts.in_container) {
      out.is_circumstance = true;
      out.cause = "the container has no /dev/nvidia*, though the machine has " + there;
      out.remedies.emplace_back(
          "start the container with its GPUs: docker run --gpus all, podman run --device "
          "nvidia.com/gpu=all, apptainer --nv");
    } else if (facts.in_slurm_job) {
      out.is_circumstance = true;
      out.cause = "the job was given none of the machine's " + there;
      out.remedies.push_back(ask_slurm);
    } else {
      out.cause = "there is no /dev/nvidia*, though the machine has " + there;
      out.remedies.emplace_back("as root: modprobe nvidia, then nvidia-modprobe -c=0");
      out.remedies.emplace_back(
          "look for 'NVRM' in the output of dmesg: it says why the driver "
          "does not take a GPU");
    }
    return out;
  }
  if (facts.mig_enabled && facts.mig_instances == 0u) {
    out.cause = "the GPUs are in MIG mode and no instance was made";
    out.remedies.emplace_back(
        "as root: nvidia-smi mig -cgi 0 -C makes one instance of a whole GPU");
    out.remedies.emplace_back("or, as root, turn MIG off: nvidia-smi -mig 0");
    return out;
  }
  if (facts.visible_devices) {
    out.cause = "CUDA_VISIBLE_DEVICES=" + *facts.visible_devices + " names no GPU that is here";
    out.remedies.emplace_back("compare it with 'nvidia-smi -L', or unset CUDA_VISIBLE_DEVICES");
    if (facts.mig_enabled) {
      out.remedies.emplace_back(
          "a MIG instance is named by its UUID: CUDA_VISIBLE_DEVICES=MIG-<uuid>");
    }
    return out;
  }
  out.cause = "the driver shows no GPU to this process";
  out.remedies.emplace_back(
      "see whether 'nvidia-smi -L' lists a GPU; one that it does not list is "
      "excluded, fell off the bus or is held by another driver (lspci -k)");
  if (facts.in_slurm_job) out.remedies.push_back(ask_slurm);
  if (facts.in_container) {
    out.remedies.emplace_back(
        "start the container with its GPUs (docker run --gpus all, "
        "apptainer --nv)");
  }
  return out;
}

Diagnosis no_uvm(const RemedyFacts& facts) {
  if (!facts.denied_nodes.empty()) return of_denied_nodes(facts);
  Diagnosis out;
  if (facts.uvm_node == false) {
    out.cause = "/dev/nvidia-uvm is missing, which CUDA needs (nvidia-smi works without it)";
  } else if (facts.uvm_node == true) {
    out.cause = "the driver could not start CUDA, though /dev/nvidia-uvm is there";
    out.remedies.emplace_back(
        "look for 'NVRM' and 'Xid' in the output of dmesg; a reboot, or "
        "reloading nvidia-uvm, often helps after suspend and updates");
  } else {
    out.cause =
        "the driver could not start CUDA; usually the module nvidia-uvm is not loaded or "
        "/dev/nvidia-uvm cannot be opened";
  }
  if (facts.in_container) {
    out.remedies.emplace_back(
        "give the container /dev/nvidia-uvm too (docker run --gpus all, "
        "apptainer --nv)");
  }
  out.remedies.emplace_back("as root: nvidia-modprobe -u -c=0");
  out.remedies.emplace_back(
      "or as root: modprobe nvidia-uvm, then mknod -m 666 /dev/nvidia-uvm c "
      "MAJOR 0 with the number of nvidia-uvm in /proc/devices");
  out.remedies.emplace_back(
      "so that it stays after a reboot, as root: "
      "echo nvidia-uvm > /etc/modules-load.d/nvidia-uvm.conf");
  return out;
}

Diagnosis no_binary(const RemedyFacts& facts) {
  Diagnosis out;
  out.cause = "this bundle has no machine code for the GPU";
  if (!facts.gpu_capability.empty()) {
    out.cause += " (compute capability " + facts.gpu_capability +
                 (facts.sass.empty() ? "" : "; it has code for " + facts.sass) + ")";
  } else if (!facts.sass.empty()) {
    out.cause += "; it has code for compute capability " + facts.sass;
  }
  if (has_code_for(facts.sass, facts.gpu_capability) == true) {
    // `sass` is of the main library.
    out.cause = "one library of this bundle has no machine code for the GPU (compute capability " +
                facts.gpu_capability + "), though the main one has";
    out.remedies.emplace_back("install a bundle whose libraries are all of one CUDA version");
    out.remedies.push_back(verify_hint(facts));
    return out;
  }
  const auto capability = DottedVersion::parse(facts.gpu_capability);
  if (capability && *capability < *DottedVersion::parse("7.5")) {
    out.remedies.emplace_back("install a bundle for CUDA 12.6: it has code for 5.0 to 7.0 too");
  } else if (capability && *capability >= *DottedVersion::parse("10.0")) {
    out.remedies.emplace_back(
        "install a bundle for CUDA 12.8 or newer: it has code for 10.0 and 12.0");
  } else {
    out.remedies.emplace_back(
        "install a bundle with code for this GPU: CUDA 12.6 for 5.0 to 7.0, "
        "CUDA 12.8 or newer for 10.0 and 12.0");
  }
  out.remedies.emplace_back("or use another GPU");
  return out;
}

Diagnosis unsupported_ptx(const RemedyFacts& facts) {
  Diagnosis out;
  out.cause = "the driver" + (facts.driver.empty() ? "" : " " + facts.driver) +
              " cannot translate the PTX of this bundle, which is newer than the driver's own CUDA";
  std::string update = "update the NVIDIA driver";
  if (facts.recommended_driver.empty() || is_at_least(facts.driver, facts.recommended_driver)) {
    if (!facts.cuda.empty()) update += " to a newer one than that of CUDA " + facts.cuda;
  } else {
    update += " to " + facts.recommended_driver + " or newer";
  }
  out.remedies.push_back(update);
  out.remedies.emplace_back("or install a bundle that has machine code for this GPU");
  return out;
}

Diagnosis mps_trouble(int64_t code) {
  Diagnosis out;
  switch (code) {
    case 805:
      out.cause = "the MPS control daemon does not answer";
      break;
    case 806:
      out.cause = "the MPS server does not answer";
      break;
    case 807:
      out.cause = "the MPS server is not ready for new clients";
      break;
    case 808:
      out.cause = "the MPS server has as many clients as it can have";
      break;
    case 809:
      out.cause = "the MPS server has no connection left for this GPU";
      break;
    default:
      out.cause = "the MPS server ended this client";
      break;
  }
  out.remedies.emplace_back(
      "see whether nvidia-cuda-mps-control runs, and that "
      "CUDA_MPS_PIPE_DIRECTORY is the folder that it was started with");
  out.remedies.emplace_back(
      "without MPS: unset CUDA_MPS_PIPE_DIRECTORY, or as the daemon's user: "
      "echo quit | nvidia-cuda-mps-control");
  return out;
}

}  // namespace

Diagnosis of_denied_nodes(const RemedyFacts& facts) {
  Diagnosis out;
  std::string names;
  for (const std::string& node : facts.denied_nodes) names += (names.empty() ? "" : ", ") + node;
  out.cause = "this user may not open " + (names.empty() ? "the GPU's device files" : names);
  if (facts.in_slurm_job) {
    out.remedies.emplace_back(
        "ask Slurm for a GPU, e.g. with --gres=gpu:1: a job may open only "
        "the GPUs that it asked for");
  }
  if (facts.in_container) {
    out.remedies.emplace_back(
        "start the container with its GPUs (docker run --gpus all, "
        "apptainer --nv)");
  }
  out.remedies.emplace_back(
      "have the user added to the group that owns the files "
      "('ls -l /dev/nvidia*' shows it), and log in anew");
  out.remedies.emplace_back(
      "or as root: give the files mode 0666 with the module option "
      "NVreg_DeviceFileMode=0666");
  return out;
}

std::optional<Diagnosis> of_cuda(int64_t code, const std::string& text, const RemedyFacts& facts) {
  if (code >= kFirstMps && code <= kLastMps) return mps_trouble(code);
  switch (code) {
    case kInsufficientDriver:
    case kNewerDriverNeeded:
      return insufficient_driver(text, facts);
    case kNoDevice:
      return no_device(facts);
    case kUnknown:
    case kOperatingSystem:
    case kInvalidDevice:
      return no_uvm(facts);
    case kNoBinaryForGpu:
      return no_binary(facts);
    case kUnsupportedPtx:
      return unsupported_ptx(facts);
    case kJitCompilerNotFound:
      return Diagnosis{
          "libnvidia-ptxjitcompiler.so.1 is missing: only a part of the driver's libraries is here",
          {"install the driver's whole user space, of the same version as the kernel module" +
               (facts.driver.empty() ? "" : " (" + facts.driver + ")"),
           "in a container: let the NVIDIA container toolkit mount the driver "
           "(NVIDIA_DRIVER_CAPABILITIES=compute,utility)"}};
    case kSystemDriverMismatch:
      return Diagnosis{
          "the driver's kernel module" + (facts.driver.empty() ? "" : " " + facts.driver) +
              " and its library libcuda.so.1 are of different versions",
          {"reboot, or as root reload the modules: the driver was updated while it ran",
           "if that does not help, another libcuda.so.1 comes first: take its folder, or a compat "
           "folder, out of LD_LIBRARY_PATH and /etc/ld.so.conf.d"}};
    case kCompatNotSupported:
      return Diagnosis{
          "a forward-compatibility libcuda (cuda-compat) is used on a GPU that does not support it",
          {"take the folder compat out of LD_LIBRARY_PATH and /etc/ld.so.conf.d: it is for "
           "data-centre GPUs only",
           "update the NVIDIA driver instead"}};
    case kSystemNotReady:
      return Diagnosis{
          "the system is not ready: on machines with NVSwitch the fabric manager does not run, or "
          "is of another version than the driver",
          {"as root: systemctl start nvidia-fabricmanager, of exactly the driver's version" +
               (facts.driver.empty() ? "" : " (" + facts.driver + ")"),
           "'nvidia-smi -q' shows under Fabric whether it is done"}};
    case kDeviceUnavailable:
      return Diagnosis{
          "the GPU is busy or may not be used: exclusive compute mode with another process on it, "
          "or prohibited compute mode",
          {"'nvidia-smi -q -d COMPUTE' shows the mode; as root, 'nvidia-smi -c 0' makes it the "
           "default",
           "or use another GPU, or wait until the other process has ended"}};
    case kEccUncorrectable:
      return Diagnosis{
          "the GPU's memory has an uncorrectable error (ECC): the hardware is faulty, "
          "not this release",
          {"take the GPU out of use (drain the node), then reset it or reboot",
           "if it comes again, have the GPU replaced; 'nvidia-smi -q -d ECC' shows the "
           "counts"}};
    case kNvlinkUncorrectable:
      return Diagnosis{
          "an NVLink connection has an uncorrectable error: the hardware is faulty, "
          "not this release",
          {"take the GPU out of use (drain the node), then reset it or reboot",
           "if it comes again, have the GPU or the bridge replaced; 'nvidia-smi nvlink "
           "-e' shows the counts"}};
    case kOutOfMemory:
      return Diagnosis{"the GPU's memory is full; the release is not at fault",
                       {"'nvidia-smi' shows which processes use it",
                        "check on another GPU, e.g. with CUDA_VISIBLE_DEVICES=1, or again later"},
                       true};
    case kStubLibrary:
      return Diagnosis{
          "libcuda.so.1 is the stub of a CUDA toolkit, not the driver's library",
          {"take the toolkit's folder lib64/stubs out of LD_LIBRARY_PATH and /etc/ld.so.conf.d"}};
    case kNotInitialized:
      return Diagnosis{
          "CUDA was used in a process before it was forked, or is being shut down",
          {"start the check anew: it uses a fresh process",
           "in programs of your own: torch.multiprocessing.set_start_method('spawn')"}};
    case kIllegalAddress:
    case kLaunchFailed:
      return Diagnosis{"a GPU program touched memory that is not its own, or failed while it ran",
                       {verify_hint(facts),
                        "look for 'Xid' in the output of dmesg: 31 and 13 are faults of programs, "
                        "48, 63, 64, 79 and 95 of hardware"}};
    default:
      return std::nullopt;
  }
}

}  // namespace eb::remedy
