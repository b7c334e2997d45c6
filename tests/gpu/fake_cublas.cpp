// A libcublas.so.12 that multiplies on the processor; see fake_switch.hpp.
#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/gpu/cublas_abi.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::answer;

EB_FAKE_EXPORT abi::cublasCreate_v2 cublasCreate_v2;
EB_FAKE_EXPORT abi::cublasDestroy_v2 cublasDestroy_v2;
EB_FAKE_EXPORT abi::cublasGetProperty cublasGetProperty;
EB_FAKE_EXPORT abi::cublasSgemm_v2 cublasSgemm_v2;

namespace {

float value_of(const void* data, int type, size_t at) {
  if (type == abi::kReal32F) return static_cast<const float*>(data)[at];
  const uint32_t bits = static_cast<const uint16_t*>(data)[at];
  if (type == abi::kReal16BF) return std::bit_cast<float>(bits << 16);
  const auto exponent = static_cast<int>(bits >> 10 & 31);
  const auto fraction = static_cast<float>(bits & 1023);
  const float size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

void multiply(int m, int n, int k, const void* a, const void* b, int type, float* c) {
  for (int column = 0; column < n; ++column) {
    for (int row = 0; row < m; ++row) {
      float sum = 0;
      for (int i = 0; i < k; ++i) {
        sum += value_of(a, type, static_cast<size_t>(row) + static_cast<size_t>(i) * m) *
               value_of(b, type, static_cast<size_t>(i) + static_cast<size_t>(column) * k);
      }
      c[static_cast<size_t>(row) + static_cast<size_t>(column) * m] = sum;
    }
  }
}

}  // namespace

int cublasCreate_v2(void** handle) {
  *handle = handle;
  return answer("cublasCreate_v2");
}

int cublasDestroy_v2(void* /*handle*/) { return 0; }

int cublasGetProperty(int type, int* value) {
  const int version[] = {12, 8, 4};
  *value = version[type];
  return answer("cublasGetProperty");
}

int cublasSgemm_v2(void* /*handle*/, int /*transa*/, int /*transb*/, int m, int n, int k,
                   const float* /*alpha*/, const float* a, int /*lda*/, const float* b, int /*ldb*/,
                   const float* /*beta*/, float* c, int /*ldc*/) {
  if (const int code = answer("cublasSgemm_v2"); code != 0) return code;
  multiply(m, n, k, a, b, abi::kReal32F, c);
  if (eb::fake::is_wrong("cublasSgemm_v2")) c[m * n - 1] += 1;
  return 0;
}

#ifndef EB_FAKE_OLD
EB_FAKE_EXPORT abi::cublasGetStatusString cublasGetStatusString;
EB_FAKE_EXPORT abi::cublasGemmEx cublasGemmEx;

const char* cublasGetStatusString(int status) {
  switch (status) {
    case 1:
      return "the library was not initialized";
    case 3:
      return "the resource allocation failed";
    case 8:
      return "the function requires an architectural feature absent from the device";
    case 13:
      return "the function failed to launch on the GPU";
    default:
      return "unknown";
  }
}

int cublasGemmEx(void* /*handle*/, int /*transa*/, int /*transb*/, int m, int n, int k,
                 const void* /*alpha*/, const void* a, int a_type, int /*lda*/, const void* b,
                 int /*b_type*/, int /*ldb*/, const void* /*beta*/, void* c, int /*c_type*/,
                 int /*ldc*/, int /*compute_type*/, int /*algo*/) {
  if (const int code = answer("cublasGemmEx"); code != 0) return code;
  // The large ones are only timed; they would take a processor minutes.
  if (1.0 * m * n * k > 1e9) return 0;
  multiply(m, n, k, a, b, a_type, static_cast<float*>(c));
  if (eb::fake::is_wrong("cublasGemmEx")) static_cast<float*>(c)[0] = std::nanf("");
  return 0;
}
#endif
