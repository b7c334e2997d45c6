// A libcudnn.so.9 that convolves on the processor and needs libcudnn_graph.so.9 as the real one
// does; see fake_switch.hpp.
#include <cstdio>
#include <cstring>

#include "runtime/gpu/cudnn_abi.hpp"
#include "tests/gpu/fake_switch.hpp"

namespace abi = eb::abi;
using eb::fake::answer;

EB_FAKE_EXPORT abi::cudnnGetVersion cudnnGetVersion;
EB_FAKE_EXPORT abi::cudnnGetCudartVersion cudnnGetCudartVersion;
EB_FAKE_EXPORT abi::cudnnGetErrorString cudnnGetErrorString;
EB_FAKE_EXPORT abi::cudnnGetLastErrorString cudnnGetLastErrorString;
EB_FAKE_EXPORT abi::cudnnGraphVersionCheck cudnnGraphVersionCheck;
EB_FAKE_EXPORT abi::cudnnOpsVersionCheck cudnnOpsVersionCheck;
EB_FAKE_EXPORT abi::cudnnCnnVersionCheck cudnnCnnVersionCheck;
EB_FAKE_EXPORT abi::cudnnAdvVersionCheck cudnnAdvVersionCheck;
EB_FAKE_EXPORT abi::cudnnCreate cudnnCreate;
EB_FAKE_EXPORT abi::cudnnDestroy cudnnDestroy;
EB_FAKE_EXPORT abi::cudnnCreateTensorDescriptor cudnnCreateTensorDescriptor;
EB_FAKE_EXPORT abi::cudnnDestroyTensorDescriptor cudnnDestroyTensorDescriptor;
EB_FAKE_EXPORT abi::cudnnSetTensor4dDescriptor cudnnSetTensor4dDescriptor;
EB_FAKE_EXPORT abi::cudnnCreateFilterDescriptor cudnnCreateFilterDescriptor;
EB_FAKE_EXPORT abi::cudnnDestroyFilterDescriptor cudnnDestroyFilterDescriptor;
EB_FAKE_EXPORT abi::cudnnSetFilter4dDescriptor cudnnSetFilter4dDescriptor;
EB_FAKE_EXPORT abi::cudnnCreateConvolutionDescriptor cudnnCreateConvolutionDescriptor;
EB_FAKE_EXPORT abi::cudnnDestroyConvolutionDescriptor cudnnDestroyConvolutionDescriptor;
EB_FAKE_EXPORT abi::cudnnSetConvolution2dDescriptor cudnnSetConvolution2dDescriptor;
EB_FAKE_EXPORT abi::cudnnSetConvolutionMathType cudnnSetConvolutionMathType;
EB_FAKE_EXPORT abi::cudnnGetConvolutionForwardAlgorithm_v7 cudnnGetConvolutionForwardAlgorithm_v7;
EB_FAKE_EXPORT abi::cudnnGetConvolutionBackwardDataAlgorithm_v7
    cudnnGetConvolutionBackwardDataAlgorithm_v7;
EB_FAKE_EXPORT abi::cudnnGetConvolutionBackwardFilterAlgorithm_v7
    cudnnGetConvolutionBackwardFilterAlgorithm_v7;
EB_FAKE_EXPORT abi::cudnnConvolutionForward cudnnConvolutionForward;
EB_FAKE_EXPORT abi::cudnnConvolutionBackwardData cudnnConvolutionBackwardData;
EB_FAKE_EXPORT abi::cudnnConvolutionBackwardFilter cudnnConvolutionBackwardFilter;

namespace {

char last_message[1024];

/// Sizes of a tensor or filter; pad, stride and math type of a convolution.
struct Descriptor {
  int numbers[4];
};

int create(void** out) {
  *out = new Descriptor{};
  return 0;
}

int destroy(void* descriptor) {
  delete static_cast<Descriptor*>(descriptor);
  return 0;
}

int set(void* descriptor, int a, int b, int c, int d) {
  *static_cast<Descriptor*>(descriptor) = {{a, b, c, d}};
  return 0;
}

const int* numbers(void* descriptor) { return static_cast<Descriptor*>(descriptor)->numbers; }

/// Gathers y[n][k][p][q] += x[n][c][p*s+i-pad][q*s+j-pad] * w[k][c][i][j], or what each gradient
/// asks for: the one of the three pointers that is not const in the call is the sum.
template <typename X, typename W, typename Y, typename Add>
void convolve(void* x_sizes, X* x, void* w_sizes, W* w, void* convolution, void* y_sizes, Y* y,
              const Add& add) {
  const int* const xs = numbers(x_sizes);
  const int* const ws = numbers(w_sizes);
  const int* const ys = numbers(y_sizes);
  const int pad = numbers(convolution)[0];
  const int stride = numbers(convolution)[1];
  for (int n = 0; n < ys[0]; ++n) {
    for (int k = 0; k < ys[1]; ++k) {
      for (int p = 0; p < ys[2]; ++p) {
        for (int q = 0; q < ys[3]; ++q) {
          for (int c = 0; c < ws[1]; ++c) {
            for (int i = 0; i < ws[2]; ++i) {
              for (int j = 0; j < ws[3]; ++j) {
                const int row = p * stride + i - pad;
                const int column = q * stride + j - pad;
                if (row < 0 || row >= xs[2] || column < 0 || column >= xs[3]) continue;
                add(x[((n * xs[1] + c) * xs[2] + row) * xs[3] + column],
                    w[((k * ws[1] + c) * ws[2] + i) * ws[3] + j],
                    y[((n * ys[1] + k) * ys[2] + p) * ys[3] + q]);
              }
            }
          }
        }
      }
    }
  }
}

float* cleared(void* data, void* sizes) {
  const int* const s = numbers(sizes);
  std::memset(data, 0, sizeof(float) * static_cast<size_t>(s[0] * s[1] * s[2] * s[3]));
  return static_cast<float*>(data);
}

int finish(const char* function, float* result) {
  if (eb::fake::is_wrong(function)) result[7] += 0.5F;
  return 0;
}

int choose(const char* function, void* convolution, int* returned,
           abi::ConvolutionAlgorithm* results) {
  if (const int code = answer(function); code != 0) return code;
  // The first one is said to be impossible: it must be passed over.
  results[0] = {6, 3000, -1, 0, 0, 0, {}};
  results[1] = {1, 0, 0.1F, 1000, 1, numbers(convolution)[2], {}};
  *returned = 2;
  return 0;
}

}  // namespace

size_t cudnnGetVersion() { return 91002; }
size_t cudnnGetCudartVersion() { return 12090; }

const char* cudnnGetErrorString(int status) {
  switch (status) {
    case 1001:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case 1002:
      return "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case 1008:
      return "CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED";
    case 3000:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case 3007:
      return "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH";
    case 3008:
      return "CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING";
    case 4004:
      return "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED";
    case 5000:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_UNKNOWN";
  }
}

void cudnnGetLastErrorString(char* message, size_t size) {
  std::snprintf(message, size, "%s", last_message);
  last_message[0] = '\0';
}

int cudnnGraphVersionCheck() { return answer("cudnnGraphVersionCheck"); }
int cudnnOpsVersionCheck() { return answer("cudnnOpsVersionCheck"); }
int cudnnCnnVersionCheck() { return answer("cudnnCnnVersionCheck"); }
int cudnnAdvVersionCheck() { return answer("cudnnAdvVersionCheck"); }

int cudnnCreate(void** handle) {
  if (const int code = answer("cudnnCreate"); code != 0) return code;
  if (dlopen("libcudnn_graph.so.9", RTLD_LAZY) == nullptr) {
    std::snprintf(last_message, sizeof last_message,
                  "Unable to load any of {libcudnn_graph.so.9.10.2, libcudnn_graph.so.9.10, "
                  "libcudnn_graph.so.9, libcudnn_graph.so}");
    return abi::kCudnnSublibraryLoadingFailed;
  }
  *handle = last_message;
  return 0;
}

int cudnnDestroy(void* /*handle*/) { return 0; }
int cudnnCreateTensorDescriptor(void** out) { return create(out); }
int cudnnDestroyTensorDescriptor(void* descriptor) { return destroy(descriptor); }
int cudnnSetTensor4dDescriptor(void* out, int /*format*/, int /*type*/, int n, int c, int h,
                               int w) {
  return set(out, n, c, h, w);
}
int cudnnCreateFilterDescriptor(void** out) { return create(out); }
int cudnnDestroyFilterDescriptor(void* descriptor) { return destroy(descriptor); }
int cudnnSetFilter4dDescriptor(void* out, int /*type*/, int /*format*/, int k, int c, int h,
                               int w) {
  return set(out, k, c, h, w);
}
int cudnnCreateConvolutionDescriptor(void** out) { return create(out); }
int cudnnDestroyConvolutionDescriptor(void* descriptor) { return destroy(descriptor); }
int cudnnSetConvolution2dDescriptor(void* out, int pad, int /*pad_w*/, int stride, int /*stride_w*/,
                                    int /*dilation_h*/, int /*dilation_w*/, int /*mode*/,
                                    int /*type*/) {
  return set(out, pad, stride, 0, 0);
}
int cudnnSetConvolutionMathType(void* convolution, int type) {
  static_cast<Descriptor*>(convolution)->numbers[2] = type;
  return 0;
}

int cudnnGetConvolutionForwardAlgorithm_v7(void* /*handle*/, void* /*x*/, void* /*w*/,
                                           void* convolution, void* /*y*/, int /*requested*/,
                                           int* returned, abi::ConvolutionAlgorithm* results) {
  return choose("cudnnGetConvolutionForwardAlgorithm_v7", convolution, returned, results);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(void* /*handle*/, void* /*w*/, void* /*dy*/,
                                                void* convolution, void* /*dx*/, int /*requested*/,
                                                int* returned, abi::ConvolutionAlgorithm* results) {
  return choose("cudnnGetConvolutionBackwardDataAlgorithm_v7", convolution, returned, results);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void* /*handle*/, void* /*x*/, void* /*dy*/,
                                                  void* convolution, void* /*dw*/,
                                                  int /*requested*/, int* returned,
                                                  abi::ConvolutionAlgorithm* results) {
  return choose("cudnnGetConvolutionBackwardFilterAlgorithm_v7", convolution, returned, results);
}

int cudnnConvolutionForward(void* /*handle*/, const void* /*alpha*/, void* x_sizes, const void* x,
                            void* w_sizes, const void* w, void* convolution, int /*algo*/,
                            void* /*space*/, size_t /*space_bytes*/, const void* /*beta*/,
                            void* y_sizes, void* y) {
  if (const int code = answer("cudnnConvolutionForward"); code != 0) return code;
  float* const sums = cleared(y, y_sizes);
  convolve(x_sizes, static_cast<const float*>(x), w_sizes, static_cast<const float*>(w),
           convolution, y_sizes, sums, [](float xv, float wv, float& yv) { yv += xv * wv; });
  return finish("cudnnConvolutionForward", sums);
}

int cudnnConvolutionBackwardData(void* /*handle*/, const void* /*alpha*/, void* w_sizes,
                                 const void* w, void* dy_sizes, const void* dy, void* convolution,
                                 int /*algo*/, void* /*space*/, size_t /*space_bytes*/,
                                 const void* /*beta*/, void* dx_sizes, void* dx) {
  if (const int code = answer("cudnnConvolutionBackwardData"); code != 0) return code;
  float* const sums = cleared(dx, dx_sizes);
  convolve(dx_sizes, sums, w_sizes, static_cast<const float*>(w), convolution, dy_sizes,
           static_cast<const float*>(dy), [](float& xv, float wv, float yv) { xv += yv * wv; });
  return finish("cudnnConvolutionBackwardData", sums);
}

int cudnnConvolutionBackwardFilter(void* /*handle*/, const void* /*alpha*/, void* x_sizes,
                                   const void* x, void* dy_sizes, const void* dy, void* convolution,
                                   int /*algo*/, void* /*space*/, size_t /*space_bytes*/,
                                   const void* /*beta*/, void* dw_sizes, void* dw) {
  if (const int code = answer("cudnnConvolutionBackwardFilter"); code != 0) return code;
  float* const sums = cleared(dw, dw_sizes);
  convolve(x_sizes, static_cast<const float*>(x), dw_sizes, sums, convolution, dy_sizes,
           static_cast<const float*>(dy), [](float xv, float& wv, float yv) { wv += xv * yv; });
  return finish("cudnnConvolutionBackwardFilter", sums);
}
