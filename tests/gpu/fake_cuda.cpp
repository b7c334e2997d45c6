// A libcuda.so.1 that has as many GPUs as FAKE_CUDA says; see fake_switch.hpp.
#include <cstdio>
#include <cstring>

#include "runtime/gpu/cuda_abi.hpp"
#include "tests/gpu/fake_error_texts.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::answer;
using eb::fake::number;

EB_FAKE_EXPORT abi::cuInit cuInit;
EB_FAKE_EXPORT abi::cuDriverGetVersion cuDriverGetVersion;
EB_FAKE_EXPORT abi::cuGetErrorString cuGetErrorString;
EB_FAKE_EXPORT abi::cuDeviceGetCount cuDeviceGetCount;
EB_FAKE_EXPORT abi::cuDeviceGet cuDeviceGet;
EB_FAKE_EXPORT abi::cuDeviceGetName cuDeviceGetName;
EB_FAKE_EXPORT abi::cuDeviceGetAttribute cuDeviceGetAttribute;
EB_FAKE_EXPORT abi::cuDeviceGetUuid cuDeviceGetUuid;
EB_FAKE_EXPORT abi::cuDeviceTotalMem_v2 cuDeviceTotalMem_v2;

namespace {
bool is_started = false;
}

int cuInit(unsigned /*flags*/) {
  const int code = answer("cuInit");
  is_started = code == 0;
  return code;
}

int cuDriverGetVersion(int* version) {
  *version = number("driver", 12080);
  return answer("cuDriverGetVersion");
}

int cuGetErrorString(int error, const char** text) {
  *text = eb::fake::error_text(error);
  return *text != nullptr ? 0 : 1;
}

int cuDeviceGetCount(int* count) {
  if (!is_started) return 3;
  *count = number("devices", 1);
  return answer("cuDeviceGetCount");
}

int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < number("devices", 1) ? answer("cuDeviceGet") : 101;
}

int cuDeviceGetName(char* name, int size, int /*device*/) {
  std::snprintf(name, static_cast<size_t>(size), "NVIDIA Fake 80GB%s",
                number("mig", 0) != 0 ? " MIG 1g.10gb" : "");
  return answer("cuDeviceGetName");
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  switch (attribute) {
    case abi::kAttributeComputeMode:
      *value = number("compute-mode", 0);
      break;
    case abi::kAttributeEccEnabled:
      *value = 1;
      break;
    case abi::kAttributePciBusId:
      *value = 0x3b + device;
      break;
    case abi::kAttributePciDeviceId:
      *value = 0;
      break;
    case abi::kAttributePciDomainId:
      *value = 0x10;
      break;
    case abi::kAttributeComputeCapabilityMajor:
      *value = number("capability", 90) / 10;
      break;
    case abi::kAttributeComputeCapabilityMinor:
      *value = number("capability", 90) % 10;
      break;
    default:
      return 1;
  }
  return answer("cuDeviceGetAttribute");
}

int cuDeviceGetUuid(abi::CUuuid* uuid, int device) {
  for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(0xa0 + i);
  uuid->bytes[15] = static_cast<unsigned char>(device);
  return answer("cuDeviceGetUuid");
}

#ifndef EB_FAKE_OLD
EB_FAKE_EXPORT abi::cuDeviceGetUuid_v2 cuDeviceGetUuid_v2;
int cuDeviceGetUuid_v2(abi::CUuuid* uuid, int device) {
  const int code = cuDeviceGetUuid(uuid, device);
  if (number("mig", 0) != 0) uuid->bytes[0] = 0xff;
  return code;
}
#endif

int cuDeviceTotalMem_v2(size_t* bytes, int /*device*/) {
  *bytes = 85520809984;
  return answer("cuDeviceTotalMem_v2");
}
