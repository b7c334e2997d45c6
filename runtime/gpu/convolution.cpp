#include "runtime/gpu/convolution.hpp"

#include <cmath>

namespace eb::gpu {
namespace {

size_t product(int a, int b, int c, int d) {
  return static_cast<size_t>(a) * static_cast<size_t>(b) * static_cast<size_t>(c) *
         static_cast<size_t>(d);
}

/// Calls term(x, w, y) with the places of the three numbers of each term x w -> y.
template <typename Term>
void each_term(const ConvolutionShape& s, const Term& term) {
  const auto at = [](int a, int b, int size_b, int c, int size_c, int d, int size_d) {
    return ((static_cast<size_t>(a) * static_cast<size_t>(size_b) + static_cast<size_t>(b)) *
                static_cast<size_t>(size_c) +
            static_cast<size_t>(c)) *
               static_cast<size_t>(size_d) +
           static_cast<size_t>(d);
  };
  for (int n = 0; n < s.batch; ++n) {
    for (int k = 0; k < s.outputs; ++k) {
      for (int c = 0; c < s.inputs; ++c) {
        for (int row = 0; row < s.out_height(); ++row) {
          for (int column = 0; column < s.out_width(); ++column) {
            for (int r = 0; r < s.filter; ++r) {
              for (int q = 0; q < s.filter; ++q) {
                const int h = row * s.stride - s.pad + r;
                const int v = column * s.stride - s.pad + q;
                if (h < 0 || h >= s.height || v < 0 || v >= s.width) continue;
                term(at(n, c, s.inputs, h, s.height, v, s.width),
                     at(k, c, s.inputs, r, s.filter, q, s.filter),
                     at(n, k, s.outputs, row, s.out_height(), column, s.out_width()));
              }
            }
          }
        }
      }
    }
  }
}

void add(Reference* out, size_t at, double term) {
  out->exact[at] += term;
  out->scale[at] += std::abs(term);
}

Reference empty(size_t size) { return {std::vector<double>(size), std::vector<double>(size)}; }

}  // namespace

size_t ConvolutionShape::x_size() const { return product(batch, inputs, height, width); }
size_t ConvolutionShape::w_size() const { return product(outputs, inputs, filter, filter); }
size_t ConvolutionShape::y_size() const {
  return product(batch, outputs, out_height(), out_width());
}

Reference convolve(const ConvolutionShape& shape, const std::vector<float>& x,
                   const std::vector<float>& w) {
  Reference out = empty(shape.y_size());
  each_term(shape, [&](size_t at_x, size_t at_w, size_t at_y) {
    add(&out, at_y, static_cast<double>(x[at_x]) * w[at_w]);
  });
  return out;
}

Reference convolution_input_gradient(const ConvolutionShape& shape, const std::vector<float>& w,
                                     const std::vector<float>& dy) {
  Reference out = empty(shape.x_size());
  each_term(shape, [&](size_t at_x, size_t at_w, size_t at_y) {
    add(&out, at_x, static_cast<double>(w[at_w]) * dy[at_y]);
  });
  return out;
}

Reference convolution_filter_gradient(const ConvolutionShape& shape, const std::vector<float>& x,
                                      const std::vector<float>& dy) {
  Reference out = empty(shape.w_size());
  each_term(shape, [&](size_t at_x, size_t at_w, size_t at_y) {
    add(&out, at_w, static_cast<double>(x[at_x]) * dy[at_y]);
  });
  return out;
}

}  // namespace eb::gpu
