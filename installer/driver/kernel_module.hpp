#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "installer/driver/host_files.hpp"

namespace eb {

enum class ModuleFlavour { kUnknown, kOpen, kProprietary, kJetson };
/// "open", "proprietary", "jetson", "unknown": for JSON.
const char* flavour_name(ModuleFlavour flavour);

/// NVIDIA's kernel module (FACTS §3.1).
struct KernelModule {
  bool is_loaded = false;
  std::string version;  ///< 550.144.03; empty = none, or one that cannot be read
  std::string source;   ///< file that told of the module; empty = none is loaded
  ModuleFlavour flavour = ModuleFlavour::kUnknown;
};

KernelModule read_kernel_module(const HostFiles& files);

/// What /proc/driver/nvidia/version says.
struct NvrmLine {
  std::string version;  ///< empty: it names none
  ModuleFlavour flavour = ModuleFlavour::kUnknown;
};
/// Only the first line counts: the second is the compiler's and can be rubbish. nullopt when the
/// first line is not NVIDIA's.
std::optional<NvrmLine> parse_nvrm_line(std::string_view text);

}  // namespace eb
