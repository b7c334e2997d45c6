#pragma once

#include <string>

#include "runtime/gpu/cublas_abi.hpp"
#include "runtime/gpu/library.hpp"

namespace eb::gpu {

/// libcublas of the release.
struct CublasApi {
  abi::cublasCreate_v2* cublasCreate_v2 = nullptr;
  abi::cublasDestroy_v2* cublasDestroy_v2 = nullptr;
  abi::cublasGetProperty* cublasGetProperty = nullptr;
  /// nullptr before 11.4.2.
  abi::cublasGetStatusString* cublasGetStatusString = nullptr;
  abi::cublasSgemm_v2* cublasSgemm_v2 = nullptr;
  abi::cublasGemmEx* cublasGemmEx = nullptr;

  static CublasApi of(const Library& library);
  /// Throws Failure "cublas" unless `code` is 0.
  void check(abi::cublasStatus_t code, const char* function) const;
  /// "12.8.4"; needs no GPU.
  std::string version() const;
};

class CublasHandle {
 public:
  explicit CublasHandle(const CublasApi& api);
  ~CublasHandle() { api_.cublasDestroy_v2(handle_); }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  abi::cublasHandle_t get() const { return handle_; }

 private:
  const CublasApi& api_;
  abi::cublasHandle_t handle_ = nullptr;
};

}  // namespace eb::gpu
