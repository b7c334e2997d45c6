#pragma once

#include <string>

#include "runtime/gpu/library.hpp"
#include "runtime/gpu/nccl_abi.hpp"

namespace eb::gpu {

/// libnccl of the release.
struct NcclApi {
  abi::ncclGetVersion* ncclGetVersion = nullptr;
  abi::ncclGetErrorString* ncclGetErrorString = nullptr;
  /// nullptr before 2.13.
  abi::ncclGetLastError* ncclGetLastError = nullptr;
  abi::ncclCommInitAll* ncclCommInitAll = nullptr;
  abi::ncclCommDestroy* ncclCommDestroy = nullptr;
  abi::ncclGroupStart* ncclGroupStart = nullptr;
  abi::ncclGroupEnd* ncclGroupEnd = nullptr;
  abi::ncclAllReduce* ncclAllReduce = nullptr;

  static NcclApi of(const Library& library);
  /// Throws Failure "nccl" with NCCL's text and its last message unless `code` is 0.
  void check(abi::ncclResult_t code, const char* function) const;
  /// "2.27.3"; needs no GPU.
  std::string version() const;
};

}  // namespace eb::gpu
