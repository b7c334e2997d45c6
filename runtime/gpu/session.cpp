#include "runtime/gpu/session.hpp"

#include <optional>

namespace eb::gpu {
namespace {

constexpr double kGigabyte = 1e9;
// With less free than this, failures for want of memory come under other names too.
constexpr size_t kFewBytes = 128u << 20;

struct Memory {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
};

/// nullopt when there is not even memory for the context that the question needs.
std::optional<Memory> memory_of_current_gpu(const RuntimeApi& runtime) {
  Memory out;
  if (runtime.cudaMemGetInfo(&out.free_bytes, &out.total_bytes) != abi::kCudartSuccess) {
    return std::nullopt;
  }
  return out;
}

bool is_for_want_of_memory(const Failure& failure, const std::optional<Memory>& memory) {
  if (failure.api == "runtime") return failure.code == abi::kCudartErrorMemoryAllocation;
  if (failure.api == "cublas" && failure.code == abi::kCublasAllocFailed) return true;
  if (failure.api == "cudnn" && failure.code == abi::kCudnnDeviceAllocationFailed) return true;
  return failure.api != "compare" && memory && memory->free_bytes < kFewBytes;
}

std::string full_text(const Gpu& gpu, const std::optional<Memory>& memory) {
  const std::string text = "GPU " + std::to_string(gpu.ordinal) + " is full";
  if (!memory) return text + ", too full to say how much is used";
  return text + ": " +
         decimal(static_cast<double>(memory->total_bytes - memory->free_bytes) / kGigabyte, 1) +
         " of " + decimal(static_cast<double>(memory->total_bytes) / kGigabyte, 1) + " GB are used";
}

}  // namespace

std::string figure_key(const Session& session, const std::string& key, const Gpu& gpu) {
  return session.gpus.size() == 1 ? key : key + "-gpu" + std::to_string(gpu.ordinal);
}

void on_each_gpu(Session& session, const std::function<void(const Gpu&)>& work) {
  const RuntimeApi& runtime = session.runtime;
  std::optional<Failure> first;
  size_t passed = 0;
  for (Gpu& gpu : session.gpus) {
    if (gpu.is_full) continue;
    try {
      runtime.check(runtime.cudaSetDevice(gpu.ordinal), "cudaSetDevice");
      work(gpu);
      ++passed;
    } catch (Failure& failure) {
      // cuBLAS and cuDNN say "failed" where the runtime knows why.
      const abi::cudaError_t why = runtime.cudaGetLastError();
      const std::optional<Memory> memory = memory_of_current_gpu(runtime);
      if (is_for_want_of_memory(failure, memory)) {
        gpu.is_full = true;
        session.records.note(full_text(gpu, memory));
        continue;
      }
      if (why != abi::kCudartSuccess && failure.api != "runtime") {
        session.records.note("the runtime's last error is " + std::to_string(why) + ": " +
                             runtime.cudaGetErrorString(why));
      }
      if (session.gpus.size() > 1) failure.text += " (GPU " + std::to_string(gpu.ordinal) + ")";
      if (first) {
        session.records.note("also failed: " + failure.api + " " + std::to_string(failure.code) +
                             ": " + failure.text);
      } else {
        first = failure;
      }
    }
  }
  if (first) {
    if (passed > 0) {
      session.records.note("passed on " + std::to_string(passed) + " of " +
                           std::to_string(session.gpus.size()) + " GPUs");
    }
    throw Failure(*first);
  }
  if (passed == 0) throw Skip{"no GPU has free memory"};
}

Library open_of_release(const Session& session, const std::string& stem) {
  const std::vector<std::string> paths = find_libraries(session.release, stem);
  if (paths.empty()) throw Skip{"the release has no " + stem + ".so"};
  if (paths.size() > 1) {
    session.records.note("the release has " + std::to_string(paths.size()) + " versions of " +
                         stem + "; this is about " + paths.front());
  }
  return Library::open(paths.front());
}

}  // namespace eb::gpu
