#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

/// Device nodes that cannot be opened are the usual reason for a driver that does not start.
void note_closed_nodes(const Records& records) {
  for (const char* node : {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0"}) {
    const int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
      close(fd);
      continue;
    }
    // Without the first there is no driver at all, and nothing to explain.
    if (errno == ENOENT && access("/dev/nvidiactl", F_OK) != 0) continue;
    records.note(std::string(node) + ": " + std::strerror(errno));
  }
}

int attribute(const DriverApi& driver, abi::CUdevice device, int which) {
  int value = 0;
  driver.check(driver.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

std::string hexadecimal(const abi::CUuuid& uuid) {
  std::string out;
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", uuid.bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits;
  }
  return out;
}

/// As nvidia-smi writes it, "GPU-…" or "MIG-…"; sets gpu->is_mig.
std::string uuid_text(const DriverApi& driver, abi::CUdevice device, Gpu* gpu) {
  abi::CUuuid whole{};
  driver.check(driver.cuDeviceGetUuid(&whole, device), "cuDeviceGetUuid");
  abi::CUuuid own = whole;
  if (driver.cuDeviceGetUuid_v2 != nullptr) {
    driver.check(driver.cuDeviceGetUuid_v2(&own, device), "cuDeviceGetUuid_v2");
  }
  // Such as "NVIDIA A100-SXM4-40GB MIG 1g.5gb".
  gpu->is_mig =
      std::memcmp(&whole, &own, sizeof own) != 0 || gpu->name.find(" MIG ") != std::string::npos;
  return (gpu->is_mig ? "MIG-" : "GPU-") + hexadecimal(own);
}

/// As nvidia-smi writes it.
std::string pci_text(const DriverApi& driver, abi::CUdevice device) {
  char text[32];
  std::snprintf(text, sizeof text, "%08x:%02x:%02x.0",
                static_cast<unsigned>(attribute(driver, device, abi::kAttributePciDomainId)),
                static_cast<unsigned>(attribute(driver, device, abi::kAttributePciBusId)),
                static_cast<unsigned>(attribute(driver, device, abi::kAttributePciDeviceId)));
  return text;
}

std::string compute_mode_text(int mode) {
  switch (mode) {
    case abi::kComputeModeDefault:
      return "default";
    case abi::kComputeModeProhibited:
      return "prohibited";
    case abi::kComputeModeExclusiveProcess:
      return "exclusive-process";
    default:
      return std::to_string(mode);
  }
}

void describe(Session& session, int ordinal) {
  const DriverApi& driver = session.driver;
  Gpu& gpu = session.gpus[static_cast<size_t>(ordinal)];
  gpu.ordinal = ordinal;
  abi::CUdevice device = 0;
  driver.check(driver.cuDeviceGet(&device, ordinal), "cuDeviceGet");
  char name[256] = "";
  driver.check(driver.cuDeviceGetName(name, sizeof name - 1, device), "cuDeviceGetName");
  gpu.name = name;
  gpu.capability_major = attribute(driver, device, abi::kAttributeComputeCapabilityMajor);
  gpu.capability_minor = attribute(driver, device, abi::kAttributeComputeCapabilityMinor);
  size_t memory_bytes = 0;
  driver.check(driver.cuDeviceTotalMem_v2(&memory_bytes, device), "cuDeviceTotalMem_v2");
  const std::string uuid = uuid_text(driver, device, &gpu);
  session.records.write(
      {"gpu", std::to_string(ordinal), gpu.name, uuid, pci_text(driver, device),
       std::to_string(gpu.capability_major) + "." + std::to_string(gpu.capability_minor),
       std::to_string(memory_bytes)});
  session.records.figure(figure_key(session, "compute-mode", gpu),
                         compute_mode_text(attribute(driver, device, abi::kAttributeComputeMode)));
  session.records.figure(figure_key(session, "ecc", gpu),
                         attribute(driver, device, abi::kAttributeEccEnabled) != 0 ? "on" : "off");
}

}  // namespace

void start_driver(Session& session) {
  const DriverApi& driver = session.driver;
  const abi::CUresult started = driver.cuInit(0);
  if (started != abi::kCudaSuccess) note_closed_nodes(session.records);
  driver.check(started, "cuInit");
  int version = 0;
  driver.check(driver.cuDriverGetVersion(&version), "cuDriverGetVersion");
  session.records.figure("driver-cuda", cuda_version_text(version));
  int count = 0;
  driver.check(driver.cuDeviceGetCount(&count), "cuDeviceGetCount");
  if (count <= 0) driver.check(abi::kCudaErrorNoDevice, "cuDeviceGetCount");
  session.gpus.assign(static_cast<size_t>(count), Gpu{});
  for (int ordinal = 0; ordinal < count; ++ordinal) describe(session, ordinal);
}

}  // namespace eb::gpu
