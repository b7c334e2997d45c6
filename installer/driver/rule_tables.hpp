#pragma once

#include <cstdint>
#include <span>

namespace eb {

/// One CUDA toolkit. Versions are dotted numbers; for use with DottedVersion.
struct ToolkitRule {
  const char* cuda;    ///< 12.8.1
  const char* driver;  ///< the driver that came with it: from it on no limits
  const char* floor;   ///< oldest Linux driver by minor-version compatibility (FACTS §2 b)
};

/// One driver branch.
struct BranchRule {
  int branch;        ///< 570
  const char* cuda;  ///< 12.8: what its libcuda knows, PTX included
};

/// Which host branches a cuda-compat library works with (FACTS §2 c).
struct CompatRule {
  int branch;
  std::span<const int> hosts;
};

struct TorchBuild {
  const char* torch;
  const char* cuda;
  const char* sass;  ///< capabilities with machine code; empty = not listed
  const char* ptx;
};

/// Which driver branches serve a generation of GPUs; 0 = no limit known.
struct GenerationRule {
  const char* generation;
  int first_branch;
  int last_branch;
};

/// PCI device ids of vendor 10de, both ends included.
struct PciRange {
  uint16_t first;
  uint16_t last;
  const char* capability;
  const char* generation;
};

/// A word of a product's name.
struct NameRule {
  const char* word;
  const char* capability;
  const char* generation;
};

/// driver_rules.json as constants. All rows ascending, `names` most special first.
struct RuleTables {
  const char* as_of;  ///< 2026-09
  std::span<const ToolkitRule> toolkits;
  std::span<const BranchRule> branches;
  std::span<const CompatRule> compat;
  std::span<const char* const> never_compat;  ///< words of names that it refuses (error 804)
  std::span<const TorchBuild> torch;
  std::span<const GenerationRule> generations;
  std::span<const PciRange> pci;
  std::span<const NameRule> names;
};

const RuleTables& rule_tables();

}  // namespace eb
