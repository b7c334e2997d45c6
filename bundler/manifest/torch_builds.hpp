#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bundler/manifest/python_version.hpp"

namespace eb {

/// Which PyTorch was built for which CUDA: one entry a release line (2.8 stands for 2.8.0 and its
/// patches). Where the numbers come from stands in torch_builds.cpp.
struct TorchBuild {
  std::string_view line;                       ///< 2.8
  std::vector<std::string_view> cuda;          ///< x86-64
  std::vector<std::string_view> cuda_aarch64;  ///< empty: none, or not known
  unsigned min_python_minor = 0;               ///< 3.MINOR
  unsigned max_python_minor = 0;
};

/// Ordered by line, oldest first.
const std::vector<TorchBuild>& torch_builds();
extern const char* const kTorchBuildsDate;

/// The oldest driver that runs a CUDA major version at all (minor-version compatibility); "" for a
/// major version that is not known here.
std::string_view min_driver_for_cuda(std::string_view cuda);

/// What a manifest asks of PyTorch.
struct TorchWish {
  VersionSpecifier torch;
  std::string torch_text;  ///< the requirement as written
  std::string cuda;        ///< 11.8; "" = any
  std::string platform;
  std::string python;
};

/// Throws Error(kUnresolvable) for a combination that was never built, naming what exists. Returns
/// sentences about what the table does not know; those are no errors.
std::vector<std::string> check_torch(const TorchWish& wish);

}  // namespace eb
