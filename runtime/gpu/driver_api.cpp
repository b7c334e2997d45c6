#include "runtime/gpu/driver_api.hpp"

#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {

DriverApi DriverApi::of(const Library& library) {
  DriverApi out;
  library.bind("cuInit", &out.cuInit);
  library.bind("cuDriverGetVersion", &out.cuDriverGetVersion);
  library.bind("cuGetErrorString", &out.cuGetErrorString);
  library.bind("cuDeviceGetCount", &out.cuDeviceGetCount);
  library.bind("cuDeviceGet", &out.cuDeviceGet);
  library.bind("cuDeviceGetName", &out.cuDeviceGetName);
  library.bind("cuDeviceGetAttribute", &out.cuDeviceGetAttribute);
  library.bind("cuDeviceGetUuid", &out.cuDeviceGetUuid);
  library.bind_if_there("cuDeviceGetUuid_v2", &out.cuDeviceGetUuid_v2);
  library.bind("cuDeviceTotalMem_v2", &out.cuDeviceTotalMem_v2);
  return out;
}

void DriverApi::check(abi::CUresult code, const char* function) const {
  if (code == abi::kCudaSuccess) return;
  const char* text = nullptr;
  if (cuGetErrorString(code, &text) != abi::kCudaSuccess || text == nullptr) {
    text = "an error that this driver has no text for";
  }
  throw Failure{"driver", code, std::string(function) + ": " + text};
}

std::string cuda_version_text(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

}  // namespace eb::gpu
