// Compares the project's own GPU declarations with NVIDIA's headers: nothing is run, it compiles or
// it does not. Built where the headers of the CUDA toolkit (and of cuDNN, NCCL) are found.

// Ours first: some of NVIDIA's names are macros.
#include "runtime/gpu/cublas_abi.hpp"
#include "runtime/gpu/cuda_abi.hpp"
#include "runtime/gpu/cudart_abi.hpp"
#include "runtime/gpu/cudnn_abi.hpp"
#include "runtime/gpu/nccl_abi.hpp"
//
#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime_api.h>
#ifdef EB_HAVE_CUDNN
#include <cudnn.h>
#endif
#ifdef EB_HAVE_NCCL
#include <nccl.h>
#endif

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace {

// What the x86_64 and aarch64 calling conventions see: an enum (none of NVIDIA's names a type) is
// passed like an int, a pointer to a struct like any other pointer.
template <typename T>
struct Lowered {
  using type =
      std::conditional_t<std::is_enum_v<T>, int, std::conditional_t<std::is_class_v<T>, void, T>>;
};
template <typename T>
struct Lowered<const T> {
  using type = const typename Lowered<T>::type;
};
template <typename T>
struct Lowered<T*> {
  using type = typename Lowered<T>::type*;
};
template <typename R, typename... A>
struct Lowered<R(A...)> {
  using type = typename Lowered<R>::type(typename Lowered<A>::type...);
};
template <typename R, typename... A>
struct Lowered<R(A...) noexcept> : Lowered<R(A...)> {};

template <typename Ours, typename Theirs>
inline constexpr bool kSame =
    std::is_same_v<typename Lowered<Ours>::type, typename Lowered<Theirs>::type>;

#define EB_TEXT_OF(name) #name
#define EB_TEXT(name) EB_TEXT_OF(name)
// The header's name (a macro perhaps) must stand for the symbol that we look up, and have our type.
#define EB_SAME_AS(name, symbol)                                                      \
  static_assert(kSame<eb::abi::symbol, decltype(::name)>, #name " has another type"); \
  static_assert(std::string_view(EB_TEXT(name)) == #symbol, #name " is another symbol")
#define EB_SAME(name) EB_SAME_AS(name, name)
// For names that the header overloads for C++: the exported function has the type `theirs`.
#define EB_SAME_OVERLOAD(name, theirs)                                    \
  static_assert(static_cast<theirs*>(&::name) != nullptr);                \
  static_assert(kSame<eb::abi::name, theirs>, #name " has another type"); \
  static_assert(std::string_view(EB_TEXT(name)) == #name, #name " is another symbol")

EB_SAME(cuInit);
EB_SAME(cuDriverGetVersion);
EB_SAME(cuGetErrorString);
EB_SAME(cuDeviceGetCount);
EB_SAME(cuDeviceGet);
EB_SAME(cuDeviceGetName);
EB_SAME(cuDeviceGetAttribute);
EB_SAME_AS(cuDeviceTotalMem, cuDeviceTotalMem_v2);
// CUDA 13 made this name mean the second version; 12 declares both.
#if CUDA_VERSION >= 13000
EB_SAME_AS(cuDeviceGetUuid, cuDeviceGetUuid_v2);
#else
EB_SAME(cuDeviceGetUuid);
EB_SAME(cuDeviceGetUuid_v2);
#endif
static_assert(sizeof(eb::abi::CUuuid) == sizeof(::CUuuid));
static_assert(sizeof(eb::abi::CUdevice) == sizeof(::CUdevice));
static_assert(eb::abi::kCudaSuccess == CUDA_SUCCESS);
static_assert(eb::abi::kCudaErrorNoDevice == CUDA_ERROR_NO_DEVICE);
static_assert(eb::abi::kAttributeComputeMode == CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
static_assert(eb::abi::kAttributeEccEnabled == CU_DEVICE_ATTRIBUTE_ECC_ENABLED);
static_assert(eb::abi::kAttributePciBusId == CU_DEVICE_ATTRIBUTE_PCI_BUS_ID);
static_assert(eb::abi::kAttributePciDeviceId == CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID);
static_assert(eb::abi::kAttributePciDomainId == CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID);
static_assert(eb::abi::kAttributeComputeCapabilityMajor ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(eb::abi::kAttributeComputeCapabilityMinor ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(eb::abi::kComputeModeDefault == CU_COMPUTEMODE_DEFAULT);
static_assert(eb::abi::kComputeModeProhibited == CU_COMPUTEMODE_PROHIBITED);
static_assert(eb::abi::kComputeModeExclusiveProcess == CU_COMPUTEMODE_EXCLUSIVE_PROCESS);

EB_SAME(cudaRuntimeGetVersion);
EB_SAME(cudaGetErrorString);
EB_SAME(cudaGetLastError);
EB_SAME(cudaSetDevice);
EB_SAME(cudaMemGetInfo);
using TheirMalloc = cudaError_t(void**, size_t);
EB_SAME_OVERLOAD(cudaMalloc, TheirMalloc);
EB_SAME(cudaFree);
EB_SAME_OVERLOAD(cudaMallocHost, TheirMalloc);
EB_SAME(cudaFreeHost);
EB_SAME(cudaMemcpy);
EB_SAME(cudaDeviceSynchronize);
EB_SAME(cudaStreamCreate);
EB_SAME(cudaStreamDestroy);
EB_SAME(cudaStreamSynchronize);
static_assert(eb::abi::kCudartSuccess == cudaSuccess);
static_assert(eb::abi::kCudartErrorMemoryAllocation == cudaErrorMemoryAllocation);
static_assert(eb::abi::kMemcpyHostToDevice == cudaMemcpyHostToDevice);
static_assert(eb::abi::kMemcpyDeviceToHost == cudaMemcpyDeviceToHost);
static_assert(eb::abi::kMemcpyDeviceToDevice == cudaMemcpyDeviceToDevice);

EB_SAME_AS(cublasCreate, cublasCreate_v2);
EB_SAME_AS(cublasDestroy, cublasDestroy_v2);
EB_SAME_AS(cublasSgemm, cublasSgemm_v2);
EB_SAME(cublasGetProperty);
EB_SAME(cublasGetStatusString);
// The header overloads this name for C++; the exported one takes a cublasComputeType_t.
using TheirGemmEx = cublasStatus_t(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int,
                                   int, const void*, const void*, cudaDataType, int, const void*,
                                   cudaDataType, int, const void*, void*, cudaDataType, int,
                                   cublasComputeType_t, cublasGemmAlgo_t);
EB_SAME_OVERLOAD(cublasGemmEx, TheirGemmEx);
static_assert(eb::abi::kCublasSuccess == CUBLAS_STATUS_SUCCESS);
static_assert(eb::abi::kCublasAllocFailed == CUBLAS_STATUS_ALLOC_FAILED);
static_assert(eb::abi::kCublasOpN == CUBLAS_OP_N);
static_assert(eb::abi::kCublasGemmDefault == CUBLAS_GEMM_DEFAULT);
static_assert(eb::abi::kCublasCompute32F == CUBLAS_COMPUTE_32F);
static_assert(eb::abi::kReal32F == CUDA_R_32F);
static_assert(eb::abi::kReal16F == CUDA_R_16F);
static_assert(eb::abi::kReal16BF == CUDA_R_16BF);
static_assert(eb::abi::kPropertyMajor == MAJOR_VERSION);
static_assert(eb::abi::kPropertyMinor == MINOR_VERSION);
static_assert(eb::abi::kPropertyPatch == PATCH_LEVEL);

#ifdef EB_HAVE_CUDNN
EB_SAME(cudnnGetVersion);
EB_SAME(cudnnGetCudartVersion);
EB_SAME(cudnnGetErrorString);
EB_SAME(cudnnGetLastErrorString);
EB_SAME(cudnnGraphVersionCheck);
EB_SAME(cudnnOpsVersionCheck);
EB_SAME(cudnnCnnVersionCheck);
EB_SAME(cudnnAdvVersionCheck);
EB_SAME(cudnnCreate);
EB_SAME(cudnnDestroy);
EB_SAME(cudnnCreateTensorDescriptor);
EB_SAME(cudnnDestroyTensorDescriptor);
EB_SAME(cudnnSetTensor4dDescriptor);
EB_SAME(cudnnCreateFilterDescriptor);
EB_SAME(cudnnDestroyFilterDescriptor);
EB_SAME(cudnnSetFilter4dDescriptor);
EB_SAME(cudnnCreateConvolutionDescriptor);
EB_SAME(cudnnDestroyConvolutionDescriptor);
EB_SAME(cudnnSetConvolution2dDescriptor);
EB_SAME(cudnnSetConvolutionMathType);
EB_SAME(cudnnGetConvolutionForwardAlgorithm_v7);
EB_SAME(cudnnGetConvolutionBackwardDataAlgorithm_v7);
EB_SAME(cudnnGetConvolutionBackwardFilterAlgorithm_v7);
EB_SAME(cudnnConvolutionForward);
EB_SAME(cudnnConvolutionBackwardData);
EB_SAME(cudnnConvolutionBackwardFilter);
template <typename Theirs>
inline constexpr bool kSameLayout =
    sizeof(eb::abi::ConvolutionAlgorithm) == sizeof(Theirs) &&
    offsetof(eb::abi::ConvolutionAlgorithm, algo) == offsetof(Theirs, algo) &&
    offsetof(eb::abi::ConvolutionAlgorithm, status) == offsetof(Theirs, status) &&
    offsetof(eb::abi::ConvolutionAlgorithm, time) == offsetof(Theirs, time) &&
    offsetof(eb::abi::ConvolutionAlgorithm, memory) == offsetof(Theirs, memory) &&
    offsetof(eb::abi::ConvolutionAlgorithm, determinism) == offsetof(Theirs, determinism) &&
    offsetof(eb::abi::ConvolutionAlgorithm, math_type) == offsetof(Theirs, mathType) &&
    offsetof(eb::abi::ConvolutionAlgorithm, reserved) == offsetof(Theirs, reserved);
static_assert(kSameLayout<cudnnConvolutionFwdAlgoPerf_t>);
static_assert(kSameLayout<cudnnConvolutionBwdDataAlgoPerf_t>);
static_assert(kSameLayout<cudnnConvolutionBwdFilterAlgoPerf_t>);
static_assert(eb::abi::kCudnnSuccess == CUDNN_STATUS_SUCCESS);
static_assert(eb::abi::kCudnnSublibraryLoadingFailed == CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED);
static_assert(eb::abi::kCudnnDeviceAllocationFailed ==
              CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
static_assert(eb::abi::kCudnnTensorNchw == CUDNN_TENSOR_NCHW);
static_assert(eb::abi::kCudnnDataFloat == CUDNN_DATA_FLOAT);
static_assert(eb::abi::kCudnnCrossCorrelation == CUDNN_CROSS_CORRELATION);
static_assert(eb::abi::kCudnnFmaMath == CUDNN_FMA_MATH);
#endif

#ifdef EB_HAVE_NCCL
EB_SAME(ncclGetVersion);
EB_SAME(ncclGetErrorString);
EB_SAME(ncclGetLastError);
EB_SAME(ncclCommInitAll);
EB_SAME(ncclCommDestroy);
EB_SAME(ncclGroupStart);
EB_SAME(ncclGroupEnd);
EB_SAME(ncclAllReduce);
static_assert(eb::abi::kNcclSuccess == ncclSuccess);
static_assert(eb::abi::kNcclFloat32 == ncclFloat32);
static_assert(eb::abi::kNcclSum == ncclSum);
#endif

}  // namespace
