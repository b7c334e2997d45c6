#include <cstdint>

#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr size_t kWords = 4u << 20;

std::vector<uint32_t> pattern(int ordinal) {
  std::vector<uint32_t> out(kWords);
  // Every word differs from its neighbours and from the same word of another GPU.
  uint32_t word = 0x9e3779b9u * static_cast<uint32_t>(ordinal + 1);
  for (uint32_t& value : out) value = word = word * 1664525u + 1013904223u;
  return out;
}

}  // namespace

void load_runtime(Session& session) {
  // A check without it is a check of nothing, so here a missing library is a failure.
  if (find_libraries(session.release, "libcudart").empty()) {
    throw Failure{"loader", 0, "the release has no libcudart.so"};
  }
  session.runtime = RuntimeApi::of(open_of_release(session, "libcudart"));
  int version = 0;
  const RuntimeApi& runtime = session.runtime;
  runtime.check(runtime.cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
  session.records.figure("cuda-runtime", cuda_version_text(version));
}

void check_runtime(Session& session) {
  on_each_gpu(session, [&](const Gpu& gpu) {
    const RuntimeApi& runtime = session.runtime;
    const std::vector<uint32_t> sent = pattern(gpu.ordinal);
    const size_t bytes = sent.size() * sizeof(uint32_t);
    const DeviceMemory first(runtime, bytes);
    const DeviceMemory second(runtime, bytes);
    first.upload(sent.data(), bytes);
    runtime.check(
        runtime.cudaMemcpy(second.data(), first.data(), bytes, abi::kMemcpyDeviceToDevice),
        "cudaMemcpy");
    runtime.synchronize();
    std::vector<uint32_t> received(sent.size());
    second.download(received.data(), bytes);
    size_t changed = 0;
    for (size_t i = 0; i < sent.size(); ++i) changed += sent[i] != received[i] ? 1 : 0;
    if (changed > 0) {
      throw Failure{"compare", 0,
                    "cudaMemcpy: " + std::to_string(changed) + " of " +
                        std::to_string(sent.size()) + " words came back changed"};
    }
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    runtime.check(runtime.cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
    session.records.figure(figure_key(session, "memory-free", gpu),
                           decimal(static_cast<double>(free_bytes) / 1e9, 1), "GB");
  });
}

}  // namespace eb::gpu
