#pragma once

#include <map>
#include <vector>

#include "runtime/metrics/gpu_sample.hpp"
#include "runtime/metrics/nvml_api.hpp"

namespace eb::metrics {

/// GPM, NVML's profiling counters from Hopper on: ratios over the time between two samples. It
/// needs no root and no host engine, unlike DCGM's. One thread only.
class Gpm {
 public:
  explicit Gpm(const NvmlApi& nvml) : nvml_(nvml) {}
  Gpm(const Gpm&) = delete;
  Gpm& operator=(const Gpm&) = delete;
  ~Gpm();

  /// Takes a sample and returns the ratios since the last one of the same place; none the first
  /// time and where GPM is not supported. `instance`: of MIG, or kNoInstance for the whole GPU.
  /// Calls must be more than 100 ms apart (the refresh rate of the counters).
  std::vector<Reading> sample(unsigned gpu, abi::nvmlDevice device, unsigned instance);

 private:
  struct Place {
    bool is_supported = false;
    abi::nvmlGpmSample last = nullptr;
    abi::nvmlGpmSample next = nullptr;
    bool has_last = false;
  };
  Place open(abi::nvmlDevice device) const;
  std::vector<Reading> ratios(const Place& place) const;

  const NvmlApi& nvml_;
  std::map<std::pair<unsigned, unsigned>, Place> places_;
};

}  // namespace eb::metrics
