#include "runtime/gpu/product.hpp"
#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

// No multiples of a tile: the edges of the kernels are used as well.
constexpr int kM = 131;
constexpr int kN = 97;
constexpr int kK = 203;

}  // namespace

void load_cublas(Session& session) {
  // First, by its path: libcublas asks for it by soname, and the loader then takes this one.
  open_of_release(session, "libcublasLt");
  session.cublas = CublasApi::of(open_of_release(session, "libcublas"));
  session.records.figure("cublas-version", session.cublas.version());
}

void check_cublas_sgemm(Session& session) {
  const std::vector<float> a = sample_numbers(size_t{kM} * kK, 1'000'003, 1);
  const std::vector<float> b = sample_numbers(size_t{kK} * kN, 1'000'003, 2);
  const Reference reference = multiply(a, b, kM, kN, kK);
  const double tolerance = sum_tolerance(kK);
  session.records.figure("sgemm-tolerance", scientific(tolerance));
  on_each_gpu(session, [&](const Gpu& gpu) {
    const RuntimeApi& runtime = session.runtime;
    const CublasApi& cublas = session.cublas;
    const CublasHandle handle(cublas);
    const DeviceMemory on_gpu_a(runtime, a.size() * sizeof(float));
    const DeviceMemory on_gpu_b(runtime, b.size() * sizeof(float));
    const DeviceMemory on_gpu_c(runtime, reference.exact.size() * sizeof(float));
    on_gpu_a.upload(a.data(), on_gpu_a.size_bytes());
    on_gpu_b.upload(b.data(), on_gpu_b.size_bytes());
    const float one = 1;
    const float zero = 0;
    cublas.check(cublas.cublasSgemm_v2(handle.get(), abi::kCublasOpN, abi::kCublasOpN, kM, kN, kK,
                                       &one, static_cast<const float*>(on_gpu_a.data()), kM,
                                       static_cast<const float*>(on_gpu_b.data()), kK, &zero,
                                       static_cast<float*>(on_gpu_c.data()), kM),
                 "cublasSgemm_v2");
    runtime.synchronize();
    std::vector<float> c(reference.exact.size());
    on_gpu_c.download(c.data(), on_gpu_c.size_bytes());
    const double error = largest_error(reference, c);
    session.records.figure(figure_key(session, "sgemm-error", gpu), scientific(error));
    if (error > tolerance) {
      throw Failure{
          "compare", 0,
          "cublasSgemm_v2: error " + scientific(error) + ", tolerance " + scientific(tolerance)};
    }
  });
}

}  // namespace eb::gpu
