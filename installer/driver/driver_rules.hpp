#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "installer/base/version.hpp"
#include "installer/driver/capability.hpp"
#include "installer/driver/rule_tables.hpp"

namespace eb {

// Questions to the rule tables (driver_rules.json, with source and date of each part; FACTS §2).

/// First number of a dotted version: 570 of 570.124.06, 12 of 12.8. 0 when it has none.
int major_of(std::string_view version);

/// `^\d{3,}\.\d+(\.\d+)?$`: what NVIDIA's drivers call themselves (FACTS §3.1).
bool is_driver_version(std::string_view text);

/// What a toolkit asks of the driver.
struct ToolkitNeeds {
  std::string floor;        ///< oldest driver that runs it at all
  std::string recommended;  ///< from it on no limits; empty when the toolkit is not in the table
  bool is_known = false;    ///< false: newer than the table, the floor is that of its major version
};

/// `cuda` is 12.8 or 12.8.1. nullopt for a major version that the table does not have.
std::optional<ToolkitNeeds> needs_of_toolkit(std::string_view cuda);

/// CUDA version of a driver's own libcuda.
struct DriverCuda {
  std::string version;       ///< 12.8; empty for a driver older than all of the table
  bool is_at_least = false;  ///< the branch is not listed: that version or a newer one
};
DriverCuda cuda_of_driver(std::string_view driver);

/// Newest major version of CUDA whose floor `driver` reaches; 0 when there is none.
int newest_cuda_major_for(std::string_view driver);

enum class CompatAnswer {
  kYes,
  kNo,
  kUnlisted,  ///< the branch of the compat library is not in the table: older hosts are assumed
};
/// May a cuda-compat library of version `compat` stand in for the libcuda of `driver`? Both are
/// driver versions. The GPU's kind is not asked here.
CompatAnswer compat_works_on(std::string_view compat, std::string_view driver);
/// GeForce and TITAN refuse it with error 804. False for a name that is not known.
bool refuses_compat(std::string_view gpu_name);

/// The newest PyTorch build that `driver` (empty: any) runs and that has code for `gpu` (nullopt:
/// any); nullptr when the table has none.
const TorchBuild* newest_torch_for(std::string_view driver, std::optional<Capability> gpu);
/// "PyTorch 2.7.1 with CUDA 11.8 (cu118)".
std::string torch_build_text(const TorchBuild& build);

/// Driver branches for a generation; nullptr when nothing is known.
const GenerationRule* rule_of_generation(std::string_view generation);

/// Chip of a GPU as far as the table knows it.
struct GpuKind {
  Capability capability;
  std::string generation;  ///< Hopper
};
std::optional<GpuKind> kind_of_pci_id(uint16_t device);
/// By a word of the product's name; for a GPU whose PCI id is not there to be read.
std::optional<GpuKind> kind_of_name(std::string_view name);

}  // namespace eb
