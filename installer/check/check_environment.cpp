#include "installer/check/check_environment.hpp"

#include <algorithm>
#include <set>

namespace eb {
namespace {

constexpr size_t kMaxShownBytes = 200;

constexpr std::string_view kKept[] = {
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "TMP", "TEMP",
    // Where the driver lies on some cluster images; see the launcher's README.
    "LD_LIBRARY_PATH", "ENVLAUNCH_LIBC",
    // Which GPUs, and what the driver keeps where.
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_CACHE_PATH", "CUDA_CACHE_DISABLE",
    "CUDA_CACHE_MAXSIZE", "CUDA_MODULE_LOADING", "GPU_DEVICE_ORDINAL",
    // What torch.compile needs: a compiler, and folders that may be written.
    "CC", "CXX", "TRITON_CACHE_DIR", "TRITON_HOME", "TRITON_LIBCUDA_PATH",
    "TORCHINDUCTOR_CACHE_DIR",
    // A job's share of the CPUs.
    "OMP_NUM_THREADS", "MKL_NUM_THREADS"};

// GLOO and NCCL: the network that a site's DDP jobs use.
constexpr std::string_view kKeptBeginnings[] = {"XDG_",  "NVIDIA_", "CUDA_MPS_",
                                                "NCCL_", "GLOO_",   "SLURM_"};

constexpr struct {
  std::string_view name;
  const char* effect;
} kHostile[] = {
    {"LD_PRELOAD", "loads a library into every program"},
    {"LD_AUDIT", "loads a library into every program's loader"},
    {"GLIBC_TUNABLES", "changes the loader and the memory allocator"},
    {"CUDA_INJECTION64_PATH", "loads a library into every program that uses CUDA"},
    {"NVTX_INJECTION64_PATH", "loads a library into every program that uses NVTX"},
    {"PYTHONPATH", "puts foreign modules before those of the release"},
    {"PYTHONHOME", "makes Python look for its own modules elsewhere"},
    {"PYTHONSTARTUP", "runs a file in every interactive Python"},
    {"PYTHONUSERBASE", "moves the folder of user-installed modules"},
    {"PYTHONPLATLIBDIR", "changes where Python looks for its modules"},
    {"PYTHONEXECUTABLE", "changes what Python takes for its own path"},
    {"PYTHONPYCACHEPREFIX", "takes compiled modules from a foreign folder"},
    {"PYTHONINSPECT", "keeps Python waiting for input after a script"},
    {"PYTHONWARNINGS", "may import a module before a script runs"},
    {"PYTHONBREAKPOINT", "may import a module while a script runs"},
};

bool is_kept(std::string_view name) {
  return std::ranges::find(kKept, name) != std::end(kKept) ||
         std::ranges::any_of(kKeptBeginnings, [&](std::string_view beginning) {
           return name.starts_with(beginning) && name.size() > beginning.size();
         });
}

}  // namespace

CheckEnvironment check_environment(const std::vector<std::string>& caller) {
  CheckEnvironment out;
  std::set<std::string_view> seen;
  for (const std::string& variable : caller) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string_view name = std::string_view(variable).substr(0, equals);
    if (!seen.insert(name).second) continue;
    if (is_kept(name)) out.variables.push_back(variable);
    for (const auto& [hostile, effect] : kHostile) {
      // An empty value is as good as none, also for the loader and for Python.
      if (name != hostile || equals + 1 == variable.size()) continue;
      std::string value = variable.substr(equals + 1);
      if (value.size() > kMaxShownBytes) value = value.substr(0, kMaxShownBytes) + "...";
      out.hostile.push_back({std::string(name), std::move(value), effect});
    }
  }
  out.variables.emplace_back("LC_ALL=C.UTF-8");
  return out;
}

std::optional<std::string> variable_in(const std::vector<std::string>& variables,
                                       std::string_view name) {
  for (const std::string& variable : variables) {
    if (variable.size() > name.size() && variable.starts_with(name) &&
        variable[name.size()] == '=') {
      return variable.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

}  // namespace eb
