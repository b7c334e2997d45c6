// A libcudart.so.12 whose device memory is the host's; see fake_switch.hpp.
#include <cstdio>
#include <cstring>

#include "runtime/gpu/cudart_abi.hpp"
#include "tests/gpu/fake_error_texts.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::answer;

EB_FAKE_EXPORT abi::cudaRuntimeGetVersion cudaRuntimeGetVersion;
EB_FAKE_EXPORT abi::cudaGetErrorString cudaGetErrorString;
EB_FAKE_EXPORT abi::cudaGetLastError cudaGetLastError;
EB_FAKE_EXPORT abi::cudaSetDevice cudaSetDevice;
EB_FAKE_EXPORT int cudaGetDevice(int* device);
EB_FAKE_EXPORT abi::cudaMemGetInfo cudaMemGetInfo;
EB_FAKE_EXPORT abi::cudaMalloc cudaMalloc;
EB_FAKE_EXPORT abi::cudaFree cudaFree;
EB_FAKE_EXPORT abi::cudaMallocHost cudaMallocHost;
EB_FAKE_EXPORT abi::cudaFreeHost cudaFreeHost;
EB_FAKE_EXPORT abi::cudaMemcpy cudaMemcpy;
EB_FAKE_EXPORT abi::cudaDeviceSynchronize cudaDeviceSynchronize;
EB_FAKE_EXPORT abi::cudaStreamCreate cudaStreamCreate;
EB_FAKE_EXPORT abi::cudaStreamDestroy cudaStreamDestroy;
EB_FAKE_EXPORT abi::cudaStreamSynchronize cudaStreamSynchronize;

namespace {

int current = 0;
int last_error = 0;
long blocks = 0;

int remember(int code) {
  if (code != 0) last_error = code;
  return code;
}

/// As the real one: no driver is "insufficient".
int count_gpus(int* count) {
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (driver == nullptr) return 35;
  auto* const ask = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  return ask(count);
}

// The file that FAKE_CUDA_BLOCKS names always tells how many blocks are not freed yet.
void count_block(long change) {
  blocks += change;
  const char* const path = getenv("FAKE_CUDA_BLOCKS");
  if (path == nullptr) return;
  if (FILE* const file = std::fopen(path, "w")) {
    std::fprintf(file, "%ld", blocks);
    std::fclose(file);
  }
}

}  // namespace

int cudaRuntimeGetVersion(int* version) {
  *version = 12080;
  return answer("cudaRuntimeGetVersion");
}

const char* cudaGetErrorString(int error) {
  const char* const text = eb::fake::error_text(error);
  return text != nullptr ? text : "unrecognized error code";
}

int cudaGetLastError() {
  const int code = last_error;
  last_error = 0;
  return code != 0 ? code : answer("cudaGetLastError");
}

int cudaSetDevice(int device) {
  int count = 0;
  if (const int code = count_gpus(&count); code != 0) return remember(code);
  if (device < 0 || device >= count) return remember(101);
  current = device;
  return remember(answer("cudaSetDevice"));
}

int cudaGetDevice(int* device) {
  *device = current;
  return 0;
}

int cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *total_bytes = 85520809984;
  *free_bytes = static_cast<size_t>(eb::fake::number("free-mb", 80000)) * 1000000;
  return answer("cudaMemGetInfo");
}

int cudaMalloc(void** memory, size_t bytes) {
  if (const int code = answer("cudaMalloc"); code != 0) return remember(code);
  if (bytes > static_cast<size_t>(eb::fake::number("free-mb", 80000)) * 1000000) return remember(2);
  *memory = std::malloc(bytes);
  if (*memory == nullptr) return remember(2);
  count_block(1);
  return 0;
}

int cudaFree(void* memory) {
  if (memory != nullptr) count_block(-1);
  std::free(memory);
  return 0;
}

int cudaMallocHost(void** memory, size_t bytes) {
  if (const int code = answer("cudaMallocHost"); code != 0) return remember(code);
  *memory = std::malloc(bytes);
  if (*memory == nullptr) return remember(2);
  count_block(1);
  return 0;
}

int cudaFreeHost(void* memory) { return cudaFree(memory); }

int cudaMemcpy(void* to, const void* from, size_t bytes, int kind) {
  if (const int code = answer("cudaMemcpy"); code != 0) return remember(code);
  std::memcpy(to, from, bytes);
  if (kind == abi::kMemcpyDeviceToHost && eb::fake::is_wrong("cudaMemcpy")) {
    static_cast<char*>(to)[0] ^= 1;
  }
  return 0;
}

int cudaDeviceSynchronize() { return remember(answer("cudaDeviceSynchronize")); }

int cudaStreamCreate(void** stream) {
  *stream = &current;
  return remember(answer("cudaStreamCreate"));
}

int cudaStreamDestroy(void* /*stream*/) { return 0; }

int cudaStreamSynchronize(void* /*stream*/) { return remember(answer("cudaStreamSynchronize")); }
