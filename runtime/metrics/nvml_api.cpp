#include "runtime/metrics/nvml_api.hpp"

#include <dlfcn.h>

namespace eb::metrics {

NvmlApi NvmlApi::open(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const text = dlerror();
    const std::string detail = text != nullptr ? text : "the loader gives no reason";
    const bool is_missing = detail.find("No such file") != std::string::npos;
    throw NvmlProblem{is_missing ? "library_not_found" : "library_not_loadable", detail};
  }
  NvmlApi out;
#define EB_NVML_BIND(name) out.name = reinterpret_cast<abi::name*>(dlsym(handle, #name));
  EB_NVML_FUNCTIONS(EB_NVML_BIND)
#undef EB_NVML_BIND
  if (out.nvmlInit_v2 == nullptr || out.nvmlDeviceGetCount_v2 == nullptr ||
      out.nvmlDeviceGetHandleByIndex_v2 == nullptr || out.nvmlDeviceGetUUID == nullptr) {
    throw NvmlProblem{"library_too_old", library + " lacks functions that every driver has"};
  }
  return out;
}

std::string NvmlApi::text(abi::nvmlReturn code) const {
  const char* const words = nvmlErrorString != nullptr ? nvmlErrorString(code) : nullptr;
  return std::string(words != nullptr ? words : "no text") + " (NVML " + std::to_string(code) + ")";
}

std::string nvml_reason(abi::nvmlReturn code) {
  switch (code) {
    case abi::kNvmlUninitialized:
      return "uninitialized";
    case 4:
      return "no_permission";
    case abi::kNvmlDriverNotLoaded:
      return "driver_not_loaded";
    case abi::kNvmlTimeout:
      return "timeout";
    case abi::kNvmlGpuIsLost:
      return "gpu_is_lost";
    case abi::kNvmlResetRequired:
      return "reset_required";
    case abi::kNvmlLibRmVersionMismatch:
      return "driver_library_version_mismatch";
    case 999:
      return "unknown";
    default:
      return "nvml_error_" + std::to_string(code);
  }
}

}  // namespace eb::metrics
