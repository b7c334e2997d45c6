#include "installer/driver/gpu_demand.hpp"

#include <algorithm>

#include "installer/base/version.hpp"
#include "installer/driver/driver_rules.hpp"
#include "installer/format/index.hpp"

namespace eb {
namespace {

std::string text_of(const std::map<std::string, std::string>& meta, const char* key) {
  const auto at = meta.find(key);
  return at == meta.end() ? std::string() : at->second;
}

// Dotted numbers with `least` to `most` of them.
std::string version_of(const std::map<std::string, std::string>& meta, const char* key, long least,
                       long most) {
  std::string text = text_of(meta, key);
  const long parts = std::ranges::count(text, '.') + 1;
  if (!DottedVersion::parse(text) || parts < least || parts > most) return {};
  return text;
}

std::vector<Capability> list_of(const std::map<std::string, std::string>& meta, const char* key) {
  return parse_capabilities(text_of(meta, key)).value_or(std::vector<Capability>{});
}

}  // namespace

GpuDemand gpu_demand(const std::map<std::string, std::string>& meta) {
  GpuDemand out;
  out.cuda = version_of(meta, meta_key::kCuda, 2, 3);
  out.min_driver =
      version_of(meta, meta_key::kMinDriver, 1, 3);  // the floor of CUDA 13 is plain 580
  out.recommended_driver = version_of(meta, meta_key::kRecommendedDriver, 1, 3);
  out.sass = list_of(meta, meta_key::kGpuSass);
  out.ptx = list_of(meta, meta_key::kGpuPtx);
  out.glibc_needed = version_of(meta, meta_key::kGlibcNeeded, 2, 3);
  out.glibc = version_of(meta, meta_key::kGlibc, 2, 3);
  const std::string compat = text_of(meta, meta_key::kCudaCompat);
  if (is_driver_version(compat)) out.cuda_compat = compat;
  return out;
}

}  // namespace eb
