#include <chrono>

#include "runtime/gpu/product.hpp"
#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr int kM = 192;
constexpr int kN = 160;
constexpr int kK = 256;
constexpr int kLarge = 4096;

struct Type {
  const char* name;
  int cuda_type;
  uint16_t (*bits)(float);
};
constexpr Type kHalf{"fp16", abi::kReal16F, half_bits};
constexpr Type kBfloat16{"bf16", abi::kReal16BF, bfloat16_bits};

// The samples are exact in both types and so are their products in single precision; what is left
// are the sums, where tensor cores cut off instead of rounding: twice the bound, and a bit more of
// it because they align all terms of a step to the largest.
double tolerance() { return 4 * sum_tolerance(kK); }

struct Operands {
  Operands(const RuntimeApi& runtime, int m, int n, int k)
      : a(runtime, sizeof(uint16_t) * static_cast<size_t>(m) * static_cast<size_t>(k)),
        b(runtime, sizeof(uint16_t) * static_cast<size_t>(k) * static_cast<size_t>(n)),
        c(runtime, sizeof(float) * static_cast<size_t>(m) * static_cast<size_t>(n)) {}
  DeviceMemory a;
  DeviceMemory b;
  DeviceMemory c;
};

void multiply_on_gpu(const CublasApi& cublas, const CublasHandle& handle, const Type& type,
                     const Operands& operands, int m, int n, int k) {
  const float one = 1;
  const float zero = 0;
  cublas.check(cublas.cublasGemmEx(handle.get(), abi::kCublasOpN, abi::kCublasOpN, m, n, k, &one,
                                   operands.a.data(), type.cuda_type, m, operands.b.data(),
                                   type.cuda_type, k, &zero, operands.c.data(), abi::kReal32F, m,
                                   abi::kCublasCompute32F, abi::kCublasGemmDefault),
               "cublasGemmEx");
}

void upload_bits(const DeviceMemory& memory, const std::vector<float>& values, const Type& type) {
  std::vector<uint16_t> bits;
  bits.reserve(values.size());
  for (const float value : values) bits.push_back(type.bits(value));
  memory.upload(bits.data(), bits.size() * sizeof(uint16_t));
}

/// TFLOP/s of large products.
double rate(const RuntimeApi& runtime, const CublasApi& cublas, const CublasHandle& handle,
            const Type& type) {
  const Operands operands(runtime, kLarge, kLarge, kLarge);
  // Zeros would be multiplied faster than numbers: less current, higher clock.
  const std::vector<float> block = sample_numbers(size_t{kLarge} * kLarge, 64, 3);
  upload_bits(operands.a, block, type);
  upload_bits(operands.b, block, type);
  const auto seconds_for = [&](int count) {
    runtime.synchronize();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      multiply_on_gpu(cublas, handle, type, operands, kLarge, kLarge, kLarge);
    }
    runtime.synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  seconds_for(1);  // the first one loads the kernel
  const double one = seconds_for(1);
  const int count = one > 0.1 ? 1 : one > 0.005 ? 10 : 50;
  const double operations = 2.0 * kLarge * kLarge * kLarge;
  return operations * count / seconds_for(count) / 1e12;
}

void measure_rate(const Session& session, const Gpu& gpu, const CublasHandle& handle,
                  const Type& type) {
  try {
    session.records.figure(figure_key(session, std::string(type.name) + "-rate", gpu),
                           decimal(rate(session.runtime, session.cublas, handle, type), 1),
                           "TFLOP/s");
  } catch (const Failure& failure) {
    if (failure.api != "runtime" || failure.code != abi::kCudartErrorMemoryAllocation) throw;
    session.runtime.cudaGetLastError();
    session.records.note("GPU " + std::to_string(gpu.ordinal) +
                         " has too little free memory for a large product: no rate");
  }
}

}  // namespace

void check_cublas_tensor(Session& session) {
  const std::vector<float> a = sample_numbers(size_t{kM} * kK, 64, 4);
  const std::vector<float> b = sample_numbers(size_t{kK} * kN, 64, 5);
  const Reference reference = multiply(a, b, kM, kN, kK);
  session.records.figure("tensor-tolerance", scientific(tolerance()));
  on_each_gpu(session, [&](const Gpu& gpu) {
    const RuntimeApi& runtime = session.runtime;
    const CublasHandle handle(session.cublas);
    for (const Type& type : {kHalf, kBfloat16}) {
      if (type.cuda_type == abi::kReal16BF && gpu.capability_major < 8) continue;
      const Operands operands(runtime, kM, kN, kK);
      upload_bits(operands.a, a, type);
      upload_bits(operands.b, b, type);
      multiply_on_gpu(session.cublas, handle, type, operands, kM, kN, kK);
      runtime.synchronize();
      std::vector<float> c(reference.exact.size());
      operands.c.download(c.data(), operands.c.size_bytes());
      const double error = largest_error(reference, c);
      const std::string name = type.name;
      session.records.figure(figure_key(session, name + "-error", gpu), scientific(error));
      if (error > tolerance()) {
        throw Failure{"compare", 0,
                      "cublasGemmEx, " + name + ": error " + scientific(error) + ", tolerance " +
                          scientific(tolerance())};
      }
      measure_rate(session, gpu, handle, type);
    }
  });
}

}  // namespace eb::gpu
