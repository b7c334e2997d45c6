#pragma once

#include <cstddef>

#include "runtime/gpu/cudart_abi.hpp"

// What the GPU check uses of NCCL 2; see cuda_abi.hpp. Source: NCCL documentation, 2.27 and 2.28.
namespace eb::abi {

using ncclResult_t = int;
using ncclComm_t = void*;

inline constexpr ncclResult_t kNcclSuccess = 0;
inline constexpr int kNcclFloat32 = 7;
inline constexpr int kNcclSum = 0;

/// 10000 * major + 100 * minor + patch from 2.9 on (before that 1000 * major).
using ncclGetVersion = ncclResult_t(int* version);
using ncclGetErrorString = const char*(ncclResult_t result);
using ncclGetLastError = const char*(ncclComm_t comm);
using ncclCommInitAll = ncclResult_t(ncclComm_t* comms, int count, const int* devices);
using ncclCommDestroy = ncclResult_t(ncclComm_t comm);
using ncclGroupStart = ncclResult_t();
using ncclGroupEnd = ncclResult_t();
using ncclAllReduce = ncclResult_t(const void* from, void* to, size_t count, int type, int op,
                                   ncclComm_t comm, cudaStream_t stream);

}  // namespace eb::abi
