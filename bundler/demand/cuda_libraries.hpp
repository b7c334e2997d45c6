#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundler/stage/staging.hpp"

namespace eb {

/// A version and the path in the tree that says so.
struct FoundVersion {
  std::string version;
  std::string path;

  bool operator==(const FoundVersion&) const = default;
};

/// What a tree holds of CUDA, told from names: a wheel keeps `libcudart.so.12` only and its version
/// in the name of its dist-info, an archive has libcudart.so.12.8.90. Copies that a package
/// carries for itself under another name (libcudart-1a2b3c.so.12) do not count.
struct CudaLibraries {
  /// Of the runtime library: 12.8, or 12 where nothing says more. One a version, ascending.
  std::vector<FoundVersion> runtimes;
  std::optional<FoundVersion> toolkit;     ///< 13.2.1: of the wheel cuda-toolkit
  std::optional<FoundVersion> torch;       ///< 2.8.0
  std::optional<FoundVersion> torch_cuda;  ///< 12.8, of torch/version.py; nullopt: CPU or no torch
  std::optional<FoundVersion> cudnn;       ///< 9.10.2.21
  std::optional<FoundVersion> nccl;        ///< 2.27.3
  std::optional<FoundVersion> compat;      ///< 575.57.08, in lib/cuda-compat
  bool has_compat = false;                 ///< lib/cuda-compat holds a libcuda, of whatever version
  /// Libraries whose GPU code says what the tree was built for: of these groups, the first that
  /// has any counts. Torch's libtorch_cuda.so; its other libraries for builds that split it (in
  /// others they hold what third parties build for another list: MAGMA's 5.0 and 6.0 in torch
  /// 2.8.0); cuBLAS. cuBLASLt always comes with that, and holds selected kernels only.
  std::vector<std::vector<RelPath>> code_groups;

  bool has_gpu_content() const {
    return !runtimes.empty() || toolkit || torch_cuda || cudnn || nccl || has_compat ||
           !code_groups.empty();
  }
};

CudaLibraries find_cuda_libraries(const Staging& staging);

}  // namespace eb
