#include "runtime/metrics/gpm.hpp"

#include <iterator>
#include <memory>

#include "runtime/metrics/gpu_families.hpp"

namespace eb::metrics {
namespace {

struct Ratio {
  unsigned metric;
  const Family* family;
};
constexpr Ratio kRatios[] = {
    {abi::kGpmGraphicsUtil, &families::kGraphicsActive},
    {abi::kGpmSmUtil, &families::kSmActive},
    {abi::kGpmSmOccupancy, &families::kSmOccupancy},
    {abi::kGpmAnyTensorUtil, &families::kTensorActive},
    {abi::kGpmDramBandwidthUtil, &families::kDramActive},
};

}  // namespace

Gpm::~Gpm() {
  for (const auto& [key, place] : places_) {
    if (place.last != nullptr) ask(nvml_.nvmlGpmSampleFree, place.last);
    if (place.next != nullptr) ask(nvml_.nvmlGpmSampleFree, place.next);
  }
}

Gpm::Place Gpm::open(abi::nvmlDevice device) const {
  Place out;
  abi::NvmlGpmSupport support{abi::kGpmSupportVersion, 0};
  if (ask(nvml_.nvmlGpmQueryDeviceSupport, device, &support) != abi::kNvmlSuccess) return out;
  out.is_supported = support.is_supported != 0 &&
                     ask(nvml_.nvmlGpmSampleAlloc, &out.last) == abi::kNvmlSuccess &&
                     ask(nvml_.nvmlGpmSampleAlloc, &out.next) == abi::kNvmlSuccess;
  return out;
}

std::vector<Reading> Gpm::ratios(const Place& place) const {
  const auto query = std::make_unique<abi::NvmlGpmMetricsGet>();  // 20 KB
  query->version = abi::kGpmMetricsGetVersion;
  query->metric_count = std::size(kRatios);
  query->sample1 = place.last;
  query->sample2 = place.next;
  for (size_t i = 0; i < std::size(kRatios); ++i) query->metrics[i].metric_id = kRatios[i].metric;
  std::vector<Reading> out;
  if (ask(nvml_.nvmlGpmMetricsGet, query.get()) != abi::kNvmlSuccess) return out;
  for (size_t i = 0; i < std::size(kRatios); ++i) {
    if (query->metrics[i].result != abi::kNvmlSuccess) continue;
    out.push_back({kRatios[i].family, query->metrics[i].value / 100});
  }
  return out;
}

std::vector<Reading> Gpm::sample(unsigned gpu, abi::nvmlDevice device, unsigned instance) {
  const auto [at, is_new] = places_.try_emplace({gpu, instance});
  Place& place = at->second;
  if (is_new) place = open(device);
  if (!place.is_supported) return {};
  const abi::nvmlReturn code = instance == abi::kNoInstance
                                   ? ask(nvml_.nvmlGpmSampleGet, device, place.next)
                                   : ask(nvml_.nvmlGpmMigSampleGet, device, instance, place.next);
  if (code != abi::kNvmlSuccess) {
    place.has_last = false;
    return {};
  }
  std::vector<Reading> out;
  if (place.has_last) out = ratios(place);
  std::swap(place.last, place.next);
  place.has_last = true;
  return out;
}

}  // namespace eb::metrics
