#pragma once

#include <cstddef>

// What the GPU check uses of cuDNN 9; see cuda_abi.hpp.
// Source: "cuDNN API reference", 9.10 and 9.19 (Graph, Ops and CNN libraries).
namespace eb::abi {

using cudnnStatus_t = int;
using cudnnHandle_t = void*;
using cudnnTensorDescriptor_t = void*;
using cudnnFilterDescriptor_t = void*;
using cudnnConvolutionDescriptor_t = void*;

inline constexpr cudnnStatus_t kCudnnSuccess = 0;
inline constexpr cudnnStatus_t kCudnnSublibraryLoadingFailed = 1008;
inline constexpr cudnnStatus_t kCudnnDeviceAllocationFailed = 4004;

inline constexpr int kCudnnTensorNchw = 0;
inline constexpr int kCudnnDataFloat = 0;
inline constexpr int kCudnnCrossCorrelation = 1;
inline constexpr int kCudnnFmaMath = 3;

/// cudnnConvolution{Fwd,BwdData,BwdFilter}AlgoPerf_t: three structs of one layout.
struct ConvolutionAlgorithm {
  int algo;
  cudnnStatus_t status;
  float time;
  size_t memory;
  int determinism;
  int math_type;
  int reserved[3];
};

using cudnnGetVersion = size_t();
using cudnnGetCudartVersion = size_t();
using cudnnGetErrorString = const char*(cudnnStatus_t status);
using cudnnGetLastErrorString = void(char* message, size_t size);
using cudnnGraphVersionCheck = cudnnStatus_t();
using cudnnOpsVersionCheck = cudnnStatus_t();
using cudnnCnnVersionCheck = cudnnStatus_t();
using cudnnAdvVersionCheck = cudnnStatus_t();
using cudnnCreate = cudnnStatus_t(cudnnHandle_t* handle);
using cudnnDestroy = cudnnStatus_t(cudnnHandle_t handle);
using cudnnCreateTensorDescriptor = cudnnStatus_t(cudnnTensorDescriptor_t* descriptor);
using cudnnDestroyTensorDescriptor = cudnnStatus_t(cudnnTensorDescriptor_t descriptor);
using cudnnSetTensor4dDescriptor = cudnnStatus_t(cudnnTensorDescriptor_t descriptor, int format,
                                                 int type, int n, int c, int h, int w);
using cudnnCreateFilterDescriptor = cudnnStatus_t(cudnnFilterDescriptor_t* descriptor);
using cudnnDestroyFilterDescriptor = cudnnStatus_t(cudnnFilterDescriptor_t descriptor);
using cudnnSetFilter4dDescriptor = cudnnStatus_t(cudnnFilterDescriptor_t descriptor, int type,
                                                 int format, int k, int c, int h, int w);
using cudnnCreateConvolutionDescriptor = cudnnStatus_t(cudnnConvolutionDescriptor_t* descriptor);
using cudnnDestroyConvolutionDescriptor = cudnnStatus_t(cudnnConvolutionDescriptor_t descriptor);
using cudnnSetConvolution2dDescriptor = cudnnStatus_t(cudnnConvolutionDescriptor_t descriptor,
                                                      int pad_h, int pad_w, int stride_h,
                                                      int stride_w, int dilation_h, int dilation_w,
                                                      int mode, int compute_type);
using cudnnSetConvolutionMathType = cudnnStatus_t(cudnnConvolutionDescriptor_t descriptor,
                                                  int math_type);
using cudnnGetConvolutionForwardAlgorithm_v7 =
    cudnnStatus_t(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                  cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y,
                  int requested, int* returned, ConvolutionAlgorithm* results);
using cudnnGetConvolutionBackwardDataAlgorithm_v7 =
    cudnnStatus_t(cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
                  cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t dx,
                  int requested, int* returned, ConvolutionAlgorithm* results);
using cudnnGetConvolutionBackwardFilterAlgorithm_v7 =
    cudnnStatus_t(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
                  cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t dw,
                  int requested, int* returned, ConvolutionAlgorithm* results);
using cudnnConvolutionForward = cudnnStatus_t(cudnnHandle_t handle, const void* alpha,
                                              cudnnTensorDescriptor_t x_descriptor, const void* x,
                                              cudnnFilterDescriptor_t w_descriptor, const void* w,
                                              cudnnConvolutionDescriptor_t convolution, int algo,
                                              void* workspace, size_t workspace_bytes,
                                              const void* beta,
                                              cudnnTensorDescriptor_t y_descriptor, void* y);
using cudnnConvolutionBackwardData = cudnnStatus_t(
    cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w_descriptor, const void* w,
    cudnnTensorDescriptor_t dy_descriptor, const void* dy, cudnnConvolutionDescriptor_t convolution,
    int algo, void* workspace, size_t workspace_bytes, const void* beta,
    cudnnTensorDescriptor_t dx_descriptor, void* dx);
using cudnnConvolutionBackwardFilter = cudnnStatus_t(
    cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_descriptor, const void* x,
    cudnnTensorDescriptor_t dy_descriptor, const void* dy, cudnnConvolutionDescriptor_t convolution,
    int algo, void* workspace, size_t workspace_bytes, const void* beta,
    cudnnFilterDescriptor_t dw_descriptor, void* dw);

}  // namespace eb::abi
