#include <algorithm>
#include <chrono>
#include <cstring>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr size_t kHostBytes = 64u << 20;
// More than the caches of GPUs hold.
constexpr size_t kDeviceBytes = 256u << 20;
constexpr int kTimes = 5;

/// Page-locked host memory, which the GPU reads and writes by itself.
class PinnedMemory {
 public:
  PinnedMemory(const RuntimeApi& api, size_t bytes) : api_(api) {
    const abi::cudaError_t code = api_.cudaMallocHost(&data_, bytes);
    // The same code as for the GPU's memory, and another cause.
    if (code == abi::kCudartErrorMemoryAllocation) {
      api_.cudaGetLastError();
      throw Skip{"the host has no page-locked memory to give"};
    }
    api_.check(code, "cudaMallocHost");
    std::memset(data_, 0x5a, bytes);
  }
  ~PinnedMemory() { api_.cudaFreeHost(data_); }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  void* data() const { return data_; }

 private:
  const RuntimeApi& api_;
  void* data_ = nullptr;
};

/// GB/s of the fastest of some copies.
double rate(const RuntimeApi& runtime, void* to, const void* from, size_t bytes, int kind) {
  double best = 0;
  for (int i = 0; i < kTimes; ++i) {
    runtime.synchronize();
    const auto begin = std::chrono::steady_clock::now();
    runtime.check(runtime.cudaMemcpy(to, from, bytes, kind), "cudaMemcpy");
    // Copies inside the GPU return before they are done.
    runtime.synchronize();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(bytes) / time.count() / 1e9);
  }
  return best;
}

}  // namespace

void measure_bandwidth(Session& session) {
  on_each_gpu(session, [&](const Gpu& gpu) {
    const RuntimeApi& runtime = session.runtime;
    const DeviceMemory here(runtime, kDeviceBytes);
    const DeviceMemory there(runtime, kDeviceBytes);
    const auto say = [&](const char* key, double value) {
      session.records.figure(figure_key(session, key, gpu), decimal(value, 1), "GB/s");
    };
    // Each byte is read and written.
    say("bandwidth-d2d",
        2 * rate(runtime, there.data(), here.data(), kDeviceBytes, abi::kMemcpyDeviceToDevice));
    const PinnedMemory host(runtime, kHostBytes);
    say("bandwidth-h2d",
        rate(runtime, here.data(), host.data(), kHostBytes, abi::kMemcpyHostToDevice));
    say("bandwidth-d2h",
        rate(runtime, host.data(), here.data(), kHostBytes, abi::kMemcpyDeviceToHost));
  });
}

}  // namespace eb::gpu
