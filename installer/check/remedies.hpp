#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/check/check_records.hpp"

namespace eb {

/// What is known of machine, driver and bundle when a failure is to be explained. Everything may be
/// unknown (empty, nullopt); the more is known the more exact the answer is.
struct RemedyFacts {
  std::string prefix;                     ///< for commands that are named; empty = "PREFIX"
  std::string cuda;                       ///< of the bundle: "12.8"
  std::string driver;                     ///< kernel module: "550.144.03"
  std::string min_driver;                 ///< the bundle's
  std::string recommended_driver;         ///< the bundle's
  std::string fitting_cuda;               ///< newest CUDA whose bundles this driver can run: "11.8"
  std::string sass;                       ///< the bundle's: "7.0 7.5 8.0"
  std::string ptx;                        ///< the bundle's
  std::string gpu_capability;             ///< of the oldest GPU: "8.9"
  std::optional<unsigned> pci_gpus;       ///< NVIDIA GPUs on the PCI bus
  std::optional<unsigned> gpu_nodes;      ///< files /dev/nvidiaN
  std::optional<bool> uvm_node;           ///< /dev/nvidia-uvm is there
  std::vector<std::string> denied_nodes;  ///< device files that this user may not open
  bool mig_enabled = false;
  std::optional<unsigned> mig_instances;  ///< compute instances
  bool in_slurm_job = false;
  bool in_container = false;
  bool is_wsl = false;
  std::optional<std::string> visible_devices;  ///< CUDA_VISIBLE_DEVICES; nullopt = not set
  std::optional<uint64_t> shm_bytes;           ///< size of /dev/shm
};

/// Why something failed and what to do, for a person: lower case, no final period, one line each.
struct Diagnosis {
  std::string cause;
  std::vector<std::string> remedies;
  /// The failure says nothing about the release: no GPU to be had, or its memory is full (FACTS
  /// §11.5: such a failure does not fail an install).
  bool is_circumstance = false;
};

/// Every row of FACTS §11.5, the loader's texts, and for everything else an honest sentence with
/// code and text. Pure.
Diagnosis explain_failure(const StepFailure& failure, const RemedyFacts& facts);

/// A process that died in a step: by `signal`, or by itself with `exit_code`.
Diagnosis explain_crash(int signal, std::optional<int> exit_code, const RemedyFacts& facts);

/// A step that did not end in its time. `unkillable`: not even SIGKILL ended the process.
Diagnosis explain_timeout(double limit_seconds, bool unkillable, const RemedyFacts& facts);

/// A check program that could not be started at all.
Diagnosis explain_start_error(int errno_value, const std::string& program,
                              const RemedyFacts& facts);

/// 12080 -> "12.8" (cuDriverGetVersion); empty for what is no such number.
std::string cuda_version_text(int64_t number);

/// Whether machine code for the capabilities in `sass` ("7.0 8.6 9.0a") runs on a GPU of
/// `capability`; nullopt when either is unknown (FACTS §1.5).
std::optional<bool> has_code_for(std::string_view sass, std::string_view capability);

}  // namespace eb
