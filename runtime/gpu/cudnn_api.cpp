#include "runtime/gpu/cudnn_api.hpp"

#include <string>

#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {

CudnnApi CudnnApi::of(const Library& library) {
  CudnnApi out;
  library.bind("cudnnGetVersion", &out.cudnnGetVersion);
  library.bind("cudnnGetCudartVersion", &out.cudnnGetCudartVersion);
  library.bind("cudnnGetErrorString", &out.cudnnGetErrorString);
  library.bind("cudnnGetLastErrorString", &out.cudnnGetLastErrorString);
  library.bind_if_there("cudnnGraphVersionCheck", &out.cudnnGraphVersionCheck);
  library.bind_if_there("cudnnOpsVersionCheck", &out.cudnnOpsVersionCheck);
  library.bind_if_there("cudnnCnnVersionCheck", &out.cudnnCnnVersionCheck);
  library.bind_if_there("cudnnAdvVersionCheck", &out.cudnnAdvVersionCheck);
  library.bind("cudnnCreate", &out.cudnnCreate);
  library.bind("cudnnDestroy", &out.cudnnDestroy);
  library.bind("cudnnCreateTensorDescriptor", &out.cudnnCreateTensorDescriptor);
  library.bind("cudnnDestroyTensorDescriptor", &out.cudnnDestroyTensorDescriptor);
  library.bind("cudnnSetTensor4dDescriptor", &out.cudnnSetTensor4dDescriptor);
  library.bind("cudnnCreateFilterDescriptor", &out.cudnnCreateFilterDescriptor);
  library.bind("cudnnDestroyFilterDescriptor", &out.cudnnDestroyFilterDescriptor);
  library.bind("cudnnSetFilter4dDescriptor", &out.cudnnSetFilter4dDescriptor);
  library.bind("cudnnCreateConvolutionDescriptor", &out.cudnnCreateConvolutionDescriptor);
  library.bind("cudnnDestroyConvolutionDescriptor", &out.cudnnDestroyConvolutionDescriptor);
  library.bind("cudnnSetConvolution2dDescriptor", &out.cudnnSetConvolution2dDescriptor);
  library.bind("cudnnSetConvolutionMathType", &out.cudnnSetConvolutionMathType);
  library.bind("cudnnGetConvolutionForwardAlgorithm_v7",
               &out.cudnnGetConvolutionForwardAlgorithm_v7);
  library.bind("cudnnGetConvolutionBackwardDataAlgorithm_v7",
               &out.cudnnGetConvolutionBackwardDataAlgorithm_v7);
  library.bind("cudnnGetConvolutionBackwardFilterAlgorithm_v7",
               &out.cudnnGetConvolutionBackwardFilterAlgorithm_v7);
  library.bind("cudnnConvolutionForward", &out.cudnnConvolutionForward);
  library.bind("cudnnConvolutionBackwardData", &out.cudnnConvolutionBackwardData);
  library.bind("cudnnConvolutionBackwardFilter", &out.cudnnConvolutionBackwardFilter);
  return out;
}

void CudnnApi::check(abi::cudnnStatus_t code, const char* function) const {
  if (code == abi::kCudnnSuccess) return;
  std::string text = std::string(function) + ": " + cudnnGetErrorString(code);
  char last[1024] = "";
  cudnnGetLastErrorString(last, sizeof last);
  last[sizeof last - 1] = '\0';
  if (last[0] != '\0') text += std::string(": ") + last;
  throw Failure{"cudnn", code, text};
}

}  // namespace eb::gpu
