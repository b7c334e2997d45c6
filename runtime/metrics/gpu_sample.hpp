#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/metrics/family.hpp"

namespace eb::metrics {

/// One figure that NVML gave. What it did not give is not there.
struct Reading {
  const Family* family;
  double value;
};

struct GpuProcess {
  unsigned pid;  ///< in the PID namespace of the driver's choice, usually ours
  std::optional<uint64_t> memory_bytes;
};

/// A GPU instance of a GPU in MIG mode.
struct GpuInstance {
  unsigned id = 0;
  std::string profile;  ///< "1g.10gb"
  std::string uuid;     ///< of its (first) MIG device, "MIG-…"
  std::vector<Reading> readings;
};

struct Gpu {
  unsigned index = 0;  ///< NVML's, which counts by PCI bus
  std::string uuid;    ///< empty when it has never answered
  std::string model;
  std::string pci_bus_id;         ///< "00000000:3B:00.0"
  std::optional<unsigned> minor;  ///< N of /dev/nvidiaN
  std::string problem;            ///< a word as of nvml_reason() when it is lost; else empty
  std::string problem_detail;
  std::vector<Reading> readings;
  std::vector<GpuInstance> instances;
  std::vector<GpuProcess> processes;
};

/// What NVML said at one moment. A value without handles.
struct GpuSample {
  std::string problem;  ///< why NVML as a whole gives nothing, a word; empty: it answers
  std::string problem_detail;
  std::string driver_version;
  std::vector<Gpu> gpus;  ///< those that were chosen
};

}  // namespace eb::metrics
