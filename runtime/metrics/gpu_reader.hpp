#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/metrics/gpm.hpp"
#include "runtime/metrics/gpu_sample.hpp"
#include "runtime/metrics/nvml_api.hpp"
#include "runtime/metrics/visible_gpus.hpp"

namespace eb::metrics {

/// Reads the GPUs by NVML. Used by one thread, which hangs where NVML hangs. Never throws for what
/// NVML does: a sample says what is wrong, and a later one may be well again.
class GpuReader {
 public:
  /// After NVML could not be started it is tried again no sooner than this: a start may have the
  /// driver's set-uid program look for devices.
  static constexpr std::chrono::seconds kRetry{30};

  explicit GpuReader(GpuChoice choice, std::string library = "libnvidia-ml.so.1");
  ~GpuReader();
  GpuReader(const GpuReader&) = delete;
  GpuReader& operator=(const GpuReader&) = delete;

  GpuSample sample();

 private:
  void start();
  void stop();
  std::vector<Gpu> identify(unsigned count, std::vector<abi::nvmlDevice>* handles);
  void read(Gpu& gpu, abi::nvmlDevice device, const std::vector<std::string>& only_migs);
  std::vector<std::pair<GpuInstance, abi::nvmlDevice>> instances(abi::nvmlDevice device) const;
  void watch_xids(unsigned count);
  void collect_xids();

  GpuChoice choice_;
  std::string library_;
  std::optional<NvmlApi> nvml_;
  bool is_started_ = false;
  std::chrono::steady_clock::time_point next_try_{};
  NvmlProblem problem_;
  std::unique_ptr<Gpm> gpm_;
  std::string driver_version_;
  /// Who a GPU was when it last answered: a lost one does not say.
  std::map<unsigned, Gpu> known_;
  abi::nvmlEventSet events_ = nullptr;
  /// The last XID of each GPU whose events are watched, 0 for none.
  std::map<abi::nvmlDevice, double> xid_;
};

}  // namespace eb::metrics
