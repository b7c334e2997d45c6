#include "runtime/gpu/runtime_api.hpp"

namespace eb::gpu {

RuntimeApi RuntimeApi::of(const Library& library) {
  RuntimeApi out;
  library.bind("cudaRuntimeGetVersion", &out.cudaRuntimeGetVersion);
  library.bind("cudaGetErrorString", &out.cudaGetErrorString);
  library.bind("cudaGetLastError", &out.cudaGetLastError);
  library.bind("cudaSetDevice", &out.cudaSetDevice);
  library.bind("cudaMemGetInfo", &out.cudaMemGetInfo);
  library.bind("cudaMalloc", &out.cudaMalloc);
  library.bind("cudaFree", &out.cudaFree);
  library.bind("cudaMallocHost", &out.cudaMallocHost);
  library.bind("cudaFreeHost", &out.cudaFreeHost);
  library.bind("cudaMemcpy", &out.cudaMemcpy);
  library.bind("cudaDeviceSynchronize", &out.cudaDeviceSynchronize);
  library.bind("cudaStreamCreate", &out.cudaStreamCreate);
  library.bind("cudaStreamDestroy", &out.cudaStreamDestroy);
  library.bind("cudaStreamSynchronize", &out.cudaStreamSynchronize);
  return out;
}

void RuntimeApi::check(abi::cudaError_t code, const char* function) const {
  if (code == abi::kCudartSuccess) return;
  throw Failure{"runtime", code, std::string(function) + ": " + cudaGetErrorString(code)};
}

DeviceMemory::DeviceMemory(const RuntimeApi& api, size_t bytes) : api_(api), size_bytes_(bytes) {
  api_.check(api_.cudaMalloc(&data_, bytes), "cudaMalloc");
}

void DeviceMemory::upload(const void* from, size_t bytes) const {
  api_.check(api_.cudaMemcpy(data_, from, bytes, abi::kMemcpyHostToDevice), "cudaMemcpy");
}

void DeviceMemory::download(void* to, size_t bytes) const {
  api_.check(api_.cudaMemcpy(to, data_, bytes, abi::kMemcpyDeviceToHost), "cudaMemcpy");
}

}  // namespace eb::gpu
