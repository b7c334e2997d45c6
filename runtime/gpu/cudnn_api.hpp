#pragma once

#include "runtime/gpu/cudnn_abi.hpp"
#include "runtime/gpu/library.hpp"

namespace eb::gpu {

/// libcudnn of the release.
struct CudnnApi {
  abi::cudnnGetVersion* cudnnGetVersion = nullptr;
  abi::cudnnGetCudartVersion* cudnnGetCudartVersion = nullptr;
  abi::cudnnGetErrorString* cudnnGetErrorString = nullptr;
  abi::cudnnGetLastErrorString* cudnnGetLastErrorString = nullptr;
  // nullptr where the library has none.
  abi::cudnnGraphVersionCheck* cudnnGraphVersionCheck = nullptr;
  abi::cudnnOpsVersionCheck* cudnnOpsVersionCheck = nullptr;
  abi::cudnnCnnVersionCheck* cudnnCnnVersionCheck = nullptr;
  abi::cudnnAdvVersionCheck* cudnnAdvVersionCheck = nullptr;
  abi::cudnnCreate* cudnnCreate = nullptr;
  abi::cudnnDestroy* cudnnDestroy = nullptr;
  abi::cudnnCreateTensorDescriptor* cudnnCreateTensorDescriptor = nullptr;
  abi::cudnnDestroyTensorDescriptor* cudnnDestroyTensorDescriptor = nullptr;
  abi::cudnnSetTensor4dDescriptor* cudnnSetTensor4dDescriptor = nullptr;
  abi::cudnnCreateFilterDescriptor* cudnnCreateFilterDescriptor = nullptr;
  abi::cudnnDestroyFilterDescriptor* cudnnDestroyFilterDescriptor = nullptr;
  abi::cudnnSetFilter4dDescriptor* cudnnSetFilter4dDescriptor = nullptr;
  abi::cudnnCreateConvolutionDescriptor* cudnnCreateConvolutionDescriptor = nullptr;
  abi::cudnnDestroyConvolutionDescriptor* cudnnDestroyConvolutionDescriptor = nullptr;
  abi::cudnnSetConvolution2dDescriptor* cudnnSetConvolution2dDescriptor = nullptr;
  abi::cudnnSetConvolutionMathType* cudnnSetConvolutionMathType = nullptr;
  abi::cudnnGetConvolutionForwardAlgorithm_v7* cudnnGetConvolutionForwardAlgorithm_v7 = nullptr;
  abi::cudnnGetConvolutionBackwardDataAlgorithm_v7* cudnnGetConvolutionBackwardDataAlgorithm_v7 =
      nullptr;
  abi::cudnnGetConvolutionBackwardFilterAlgorithm_v7*
      cudnnGetConvolutionBackwardFilterAlgorithm_v7 = nullptr;
  abi::cudnnConvolutionForward* cudnnConvolutionForward = nullptr;
  abi::cudnnConvolutionBackwardData* cudnnConvolutionBackwardData = nullptr;
  abi::cudnnConvolutionBackwardFilter* cudnnConvolutionBackwardFilter = nullptr;

  static CudnnApi of(const Library& library);
  /// Throws Failure "cudnn" with cuDNN's text and its last message unless `code` is 0.
  void check(abi::cudnnStatus_t code, const char* function) const;
};

}  // namespace eb::gpu
