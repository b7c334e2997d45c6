#pragma once

// What the GPU check uses of cuBLAS 11.4 to 13; see cuda_abi.hpp.
// Source: cuBLAS documentation, CUDA 12.8 and 13.0.
namespace eb::abi {

using cublasStatus_t = int;
using cublasHandle_t = void*;

inline constexpr cublasStatus_t kCublasSuccess = 0;
inline constexpr cublasStatus_t kCublasAllocFailed = 3;

inline constexpr int kCublasOpN = 0;
inline constexpr int kCublasGemmDefault = -1;
inline constexpr int kCublasCompute32F = 68;

// cudaDataType
inline constexpr int kReal32F = 0;
inline constexpr int kReal16F = 2;
inline constexpr int kReal16BF = 14;

// libraryPropertyType
inline constexpr int kPropertyMajor = 0;
inline constexpr int kPropertyMinor = 1;
inline constexpr int kPropertyPatch = 2;

using cublasCreate_v2 = cublasStatus_t(cublasHandle_t* handle);
using cublasDestroy_v2 = cublasStatus_t(cublasHandle_t handle);
using cublasGetProperty = cublasStatus_t(int type, int* value);
using cublasGetStatusString = const char*(cublasStatus_t status);
/// C = alpha A B + beta C, column-major.
using cublasSgemm_v2 = cublasStatus_t(cublasHandle_t handle, int transa, int transb, int m, int n,
                                      int k, const float* alpha, const float* a, int lda,
                                      const float* b, int ldb, const float* beta, float* c,
                                      int ldc);
using cublasGemmEx = cublasStatus_t(cublasHandle_t handle, int transa, int transb, int m, int n,
                                    int k, const void* alpha, const void* a, int a_type, int lda,
                                    const void* b, int b_type, int ldb, const void* beta, void* c,
                                    int c_type, int ldc, int compute_type, int algo);

}  // namespace eb::abi
