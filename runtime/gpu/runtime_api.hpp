#pragma once

#include "runtime/gpu/cudart_abi.hpp"
#include "runtime/gpu/library.hpp"
#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {

/// libcudart of the release.
struct RuntimeApi {
  abi::cudaRuntimeGetVersion* cudaRuntimeGetVersion = nullptr;
  abi::cudaGetErrorString* cudaGetErrorString = nullptr;
  abi::cudaGetLastError* cudaGetLastError = nullptr;
  abi::cudaSetDevice* cudaSetDevice = nullptr;
  abi::cudaMemGetInfo* cudaMemGetInfo = nullptr;
  abi::cudaMalloc* cudaMalloc = nullptr;
  abi::cudaFree* cudaFree = nullptr;
  abi::cudaMallocHost* cudaMallocHost = nullptr;
  abi::cudaFreeHost* cudaFreeHost = nullptr;
  abi::cudaMemcpy* cudaMemcpy = nullptr;
  abi::cudaDeviceSynchronize* cudaDeviceSynchronize = nullptr;
  abi::cudaStreamCreate* cudaStreamCreate = nullptr;
  abi::cudaStreamDestroy* cudaStreamDestroy = nullptr;
  abi::cudaStreamSynchronize* cudaStreamSynchronize = nullptr;

  static RuntimeApi of(const Library& library);
  /// Throws Failure "runtime" unless `code` is 0.
  void check(abi::cudaError_t code, const char* function) const;
  /// Waits for the current GPU and throws what it has to complain about.
  void synchronize() const { check(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); }
};

/// Memory of the current GPU, freed at the end.
class DeviceMemory {
 public:
  DeviceMemory(const RuntimeApi& api, size_t bytes);
  ~DeviceMemory() { api_.cudaFree(data_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }
  /// Copies the first `bytes` bytes there or back.
  void upload(const void* from, size_t bytes) const;
  void download(void* to, size_t bytes) const;

 private:
  const RuntimeApi& api_;
  size_t size_bytes_;
  void* data_ = nullptr;
};

}  // namespace eb::gpu
