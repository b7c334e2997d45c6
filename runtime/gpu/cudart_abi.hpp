#pragma once

#include <cstddef>

// What the GPU check uses of the CUDA runtime (libcudart); see cuda_abi.hpp.
// Source: "CUDA Runtime API" reference, CUDA 12.8 and 13.0.
namespace eb::abi {

using cudaError_t = int;
using cudaStream_t = void*;

inline constexpr cudaError_t kCudartSuccess = 0;
inline constexpr cudaError_t kCudartErrorMemoryAllocation = 2;

// cudaMemcpyKind
inline constexpr int kMemcpyHostToDevice = 1;
inline constexpr int kMemcpyDeviceToHost = 2;
inline constexpr int kMemcpyDeviceToDevice = 3;

using cudaRuntimeGetVersion = cudaError_t(int* version);
using cudaGetErrorString = const char*(cudaError_t error);
using cudaGetLastError = cudaError_t();
using cudaSetDevice = cudaError_t(int device);
using cudaMemGetInfo = cudaError_t(size_t* free_bytes, size_t* total_bytes);
using cudaMalloc = cudaError_t(void** memory, size_t bytes);
using cudaFree = cudaError_t(void* memory);
/// Page-locked host memory.
using cudaMallocHost = cudaError_t(void** memory, size_t bytes);
using cudaFreeHost = cudaError_t(void* memory);
using cudaMemcpy = cudaError_t(void* to, const void* from, size_t bytes, int kind);
using cudaDeviceSynchronize = cudaError_t();
using cudaStreamCreate = cudaError_t(cudaStream_t* stream);
using cudaStreamDestroy = cudaError_t(cudaStream_t stream);
using cudaStreamSynchronize = cudaError_t(cudaStream_t stream);

}  // namespace eb::abi
