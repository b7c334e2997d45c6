#pragma once

#include <string>

#include "runtime/gpu/cuda_abi.hpp"
#include "runtime/gpu/library.hpp"

namespace eb::gpu {

/// libcuda.so.1, the part of CUDA that belongs to the driver.
struct DriverApi {
  abi::cuInit* cuInit = nullptr;
  abi::cuDriverGetVersion* cuDriverGetVersion = nullptr;
  abi::cuGetErrorString* cuGetErrorString = nullptr;
  abi::cuDeviceGetCount* cuDeviceGetCount = nullptr;
  abi::cuDeviceGet* cuDeviceGet = nullptr;
  abi::cuDeviceGetName* cuDeviceGetName = nullptr;
  abi::cuDeviceGetAttribute* cuDeviceGetAttribute = nullptr;
  abi::cuDeviceGetUuid* cuDeviceGetUuid = nullptr;
  /// nullptr before driver 470, which had no name for the UUID of a MIG instance.
  abi::cuDeviceGetUuid_v2* cuDeviceGetUuid_v2 = nullptr;
  abi::cuDeviceTotalMem_v2* cuDeviceTotalMem_v2 = nullptr;

  /// Throws Failure "loader" when the library lacks one of them.
  static DriverApi of(const Library& library);
  /// Throws Failure "driver" unless `code` is 0.
  void check(abi::CUresult code, const char* function) const;
};

/// "12.8" of 12080.
std::string cuda_version_text(int number);

}  // namespace eb::gpu
