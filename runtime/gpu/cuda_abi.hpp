#pragma once

#include <cstddef>

// What the GPU check uses of the CUDA driver API, in the project's own words, because NVIDIA's
// headers are not at hand where it is built. Function types carry the name of the exported symbol,
// so that tests/gpu/abi_check.cpp can compare both where the headers are present.
// Sources: "CUDA Driver API" reference, CUDA 12.8 and 13.0 (error codes, device attributes).
namespace eb::abi {

using CUresult = int;
using CUdevice = int;
struct CUuuid {
  unsigned char bytes[16];
};

inline constexpr CUresult kCudaSuccess = 0;
inline constexpr CUresult kCudaErrorNoDevice = 100;

// CUdevice_attribute
inline constexpr int kAttributeComputeMode = 20;
inline constexpr int kAttributeEccEnabled = 32;
inline constexpr int kAttributePciBusId = 33;
inline constexpr int kAttributePciDeviceId = 34;
inline constexpr int kAttributePciDomainId = 50;
inline constexpr int kAttributeComputeCapabilityMajor = 75;
inline constexpr int kAttributeComputeCapabilityMinor = 76;

// CUcomputemode; 1 was "exclusive thread", gone since CUDA 8.
inline constexpr int kComputeModeDefault = 0;
inline constexpr int kComputeModeProhibited = 2;
inline constexpr int kComputeModeExclusiveProcess = 3;

using cuInit = CUresult(unsigned int flags);
/// 1000 * major + 10 * minor of the newest CUDA that the driver knows; not the driver's version.
using cuDriverGetVersion = CUresult(int* version);
using cuGetErrorString = CUresult(CUresult error, const char** text);
using cuDeviceGetCount = CUresult(int* count);
using cuDeviceGet = CUresult(CUdevice* device, int ordinal);
using cuDeviceGetName = CUresult(char* name, int size, CUdevice device);
/// The attribute's type is an enum, which has the size of an int.
using cuDeviceGetAttribute = CUresult(int* value, int attribute, CUdevice device);
/// The symbol without a suffix gives the whole GPU's UUID, _v2 (from driver 470 on) that of the MIG
/// instance where there is one.
using cuDeviceGetUuid = CUresult(CUuuid* uuid, CUdevice device);
using cuDeviceGetUuid_v2 = CUresult(CUuuid* uuid, CUdevice device);
/// The symbol without a suffix counts in 32 bits.
using cuDeviceTotalMem_v2 = CUresult(size_t* bytes, CUdevice device);

}  // namespace eb::abi
