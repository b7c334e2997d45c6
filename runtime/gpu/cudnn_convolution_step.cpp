#include <array>

#include "runtime/gpu/convolution.hpp"
#include "runtime/gpu/steps.hpp"

namespace eb::gpu {
namespace {

constexpr ConvolutionShape kShape{.batch = 2,
                                  .inputs = 16,
                                  .height = 15,
                                  .width = 13,
                                  .outputs = 24,
                                  .filter = 3,
                                  .pad = 1,
                                  .stride = 1};
// The samples are exact in half precision and TF32, so that direct algorithms lose nothing but in
// their sums. Winograd's transforms round: some 2^-24 in single precision, 2^-11 with TF32.
constexpr double kTolerance = 1e-4;
constexpr double kTensorTolerance = 4e-3;

/// A cuDNN object with its own pair of functions to make and to end it.
class Object {
 public:
  Object(const CudnnApi& cudnn, abi::cudnnStatus_t (*create)(void**),
         abi::cudnnStatus_t (*destroy)(void*), const char* name)
      : destroy_(destroy) {
    cudnn.check(create(&object_), name);
  }
  ~Object() { destroy_(object_); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  void* get() const { return object_; }

 private:
  abi::cudnnStatus_t (*destroy_)(void*);
  void* object_ = nullptr;
};

/// Handle and descriptors for kShape.
struct Problem {
  explicit Problem(const CudnnApi& cudnn)
      : handle(cudnn, cudnn.cudnnCreate, cudnn.cudnnDestroy, "cudnnCreate"),
        x(cudnn, cudnn.cudnnCreateTensorDescriptor, cudnn.cudnnDestroyTensorDescriptor,
          "cudnnCreateTensorDescriptor"),
        y(cudnn, cudnn.cudnnCreateTensorDescriptor, cudnn.cudnnDestroyTensorDescriptor,
          "cudnnCreateTensorDescriptor"),
        w(cudnn, cudnn.cudnnCreateFilterDescriptor, cudnn.cudnnDestroyFilterDescriptor,
          "cudnnCreateFilterDescriptor"),
        convolution(cudnn, cudnn.cudnnCreateConvolutionDescriptor,
                    cudnn.cudnnDestroyConvolutionDescriptor, "cudnnCreateConvolutionDescriptor") {
    cudnn.check(
        cudnn.cudnnSetTensor4dDescriptor(x.get(), abi::kCudnnTensorNchw, abi::kCudnnDataFloat,
                                         kShape.batch, kShape.inputs, kShape.height, kShape.width),
        "cudnnSetTensor4dDescriptor");
    cudnn.check(cudnn.cudnnSetTensor4dDescriptor(y.get(), abi::kCudnnTensorNchw,
                                                 abi::kCudnnDataFloat, kShape.batch, kShape.outputs,
                                                 kShape.out_height(), kShape.out_width()),
                "cudnnSetTensor4dDescriptor");
    cudnn.check(cudnn.cudnnSetFilter4dDescriptor(w.get(), abi::kCudnnDataFloat,
                                                 abi::kCudnnTensorNchw, kShape.outputs,
                                                 kShape.inputs, kShape.filter, kShape.filter),
                "cudnnSetFilter4dDescriptor");
    cudnn.check(cudnn.cudnnSetConvolution2dDescriptor(
                    convolution.get(), kShape.pad, kShape.pad, kShape.stride, kShape.stride, 1, 1,
                    abi::kCudnnCrossCorrelation, abi::kCudnnDataFloat),
                "cudnnSetConvolution2dDescriptor");
    cudnn.check(cudnn.cudnnSetConvolutionMathType(convolution.get(), abi::kCudnnFmaMath),
                "cudnnSetConvolutionMathType");
  }
  Object handle;
  Object x;
  Object y;
  Object w;
  Object convolution;
};

/// The fastest algorithm that cuDNN's heuristics name, which is what frameworks ask for too.
/// `ask(count, returned, results)` is one of the three cudnnGet…Algorithm_v7.
template <typename Ask>
abi::ConvolutionAlgorithm choose(const CudnnApi& cudnn, const Problem& problem, const char* name,
                                 const Ask& ask) {
  std::array<abi::ConvolutionAlgorithm, 8> results{};
  int returned = 0;
  cudnn.check(ask(static_cast<int>(results.size()), &returned, results.data()), name);
  for (size_t i = 0; i < results.size() && i < static_cast<size_t>(returned); ++i) {
    if (results[i].status != abi::kCudnnSuccess) continue;
    cudnn.check(cudnn.cudnnSetConvolutionMathType(problem.convolution.get(), results[i].math_type),
                "cudnnSetConvolutionMathType");
    return results[i];
  }
  if (returned > 0) cudnn.check(results[0].status, name);
  throw Failure{"compare", 0, std::string(name) + ": knows no algorithm"};
}

void compare(const Session& session, const Gpu& gpu, const abi::ConvolutionAlgorithm& chosen,
             const Reference& reference, const DeviceMemory& result, const char* function,
             const std::string& key) {
  session.runtime.synchronize();
  std::vector<float> got(reference.exact.size());
  result.download(got.data(), got.size() * sizeof(float));
  const double error = largest_error(reference, got);
  const double tolerance = chosen.math_type == abi::kCudnnFmaMath ? kTolerance : kTensorTolerance;
  session.records.figure(figure_key(session, key, gpu), scientific(error));
  if (error > tolerance) {
    throw Failure{"compare", 0,
                  std::string(function) + ": error " + scientific(error) + ", tolerance " +
                      scientific(tolerance)};
  }
}

struct Samples {
  std::vector<float> x = sample_numbers(kShape.x_size(), 8, 6);
  std::vector<float> w = sample_numbers(kShape.w_size(), 8, 7);
  std::vector<float> dy = sample_numbers(kShape.y_size(), 8, 8);
  Reference y = convolve(kShape, x, w);
  Reference dx = convolution_input_gradient(kShape, w, dy);
  Reference dw = convolution_filter_gradient(kShape, x, dy);
};

void convolve_on(const Session& session, const Gpu& gpu, const Samples& samples) {
  const RuntimeApi& runtime = session.runtime;
  const CudnnApi& cudnn = session.cudnn;
  const Problem problem(cudnn);
  const DeviceMemory x(runtime, samples.x.size() * sizeof(float));
  const DeviceMemory w(runtime, samples.w.size() * sizeof(float));
  const DeviceMemory dy(runtime, samples.dy.size() * sizeof(float));
  x.upload(samples.x.data(), x.size_bytes());
  w.upload(samples.w.data(), w.size_bytes());
  dy.upload(samples.dy.data(), dy.size_bytes());
  const DeviceMemory y(runtime, dy.size_bytes());
  const DeviceMemory dx(runtime, x.size_bytes());
  const DeviceMemory dw(runtime, w.size_bytes());
  void* const handle = problem.handle.get();
  void* const convolution = problem.convolution.get();
  const float one = 1;
  const float zero = 0;

  auto algorithm = choose(
      cudnn, problem, "cudnnGetConvolutionForwardAlgorithm_v7", [&](int n, int* got, auto* out) {
        return cudnn.cudnnGetConvolutionForwardAlgorithm_v7(
            handle, problem.x.get(), problem.w.get(), convolution, problem.y.get(), n, got, out);
      });
  {
    const DeviceMemory space(runtime, algorithm.memory + 1);
    cudnn.check(
        cudnn.cudnnConvolutionForward(handle, &one, problem.x.get(), x.data(), problem.w.get(),
                                      w.data(), convolution, algorithm.algo, space.data(),
                                      algorithm.memory, &zero, problem.y.get(), y.data()),
        "cudnnConvolutionForward");
    compare(session, gpu, algorithm, samples.y, y, "cudnnConvolutionForward",
            "convolution-forward-error");
  }

  algorithm = choose(cudnn, problem, "cudnnGetConvolutionBackwardDataAlgorithm_v7",
                     [&](int n, int* got, auto* out) {
                       return cudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                           handle, problem.w.get(), problem.y.get(), convolution, problem.x.get(),
                           n, got, out);
                     });
  {
    const DeviceMemory space(runtime, algorithm.memory + 1);
    cudnn.check(
        cudnn.cudnnConvolutionBackwardData(handle, &one, problem.w.get(), w.data(), problem.y.get(),
                                           dy.data(), convolution, algorithm.algo, space.data(),
                                           algorithm.memory, &zero, problem.x.get(), dx.data()),
        "cudnnConvolutionBackwardData");
    compare(session, gpu, algorithm, samples.dx, dx, "cudnnConvolutionBackwardData",
            "convolution-data-error");
  }

  algorithm = choose(cudnn, problem, "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
                     [&](int n, int* got, auto* out) {
                       return cudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                           handle, problem.x.get(), problem.y.get(), convolution, problem.w.get(),
                           n, got, out);
                     });
  {
    const DeviceMemory space(runtime, algorithm.memory + 1);
    cudnn.check(cudnn.cudnnConvolutionBackwardFilter(handle, &one, problem.x.get(), x.data(),
                                                     problem.y.get(), dy.data(), convolution,
                                                     algorithm.algo, space.data(), algorithm.memory,
                                                     &zero, problem.w.get(), dw.data()),
                "cudnnConvolutionBackwardFilter");
    compare(session, gpu, algorithm, samples.dw, dw, "cudnnConvolutionBackwardFilter",
            "convolution-filter-error");
  }
}

}  // namespace

void check_cudnn_convolution(Session& session) {
  const Samples samples;
  session.records.figure("convolution-tolerance", scientific(kTolerance));
  on_each_gpu(session, [&](const Gpu& gpu) { convolve_on(session, gpu, samples); });
}

}  // namespace eb::gpu
