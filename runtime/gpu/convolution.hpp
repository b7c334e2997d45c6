#pragma once

#include <vector>

#include "runtime/gpu/product.hpp"

namespace eb::gpu {

/// A two-dimensional convolution (cross-correlation, as in neural networks) in NCHW order.
struct ConvolutionShape {
  int batch;
  int inputs;
  int height;
  int width;
  int outputs;
  int filter;  // height and width
  int pad;
  int stride;

  int out_height() const { return (height + 2 * pad - filter) / stride + 1; }
  int out_width() const { return (width + 2 * pad - filter) / stride + 1; }
  size_t x_size() const;
  size_t w_size() const;
  size_t y_size() const;
};

/// The processor's results: y from x and w; dx from w and dy; dw from x and dy.
Reference convolve(const ConvolutionShape& shape, const std::vector<float>& x,
                   const std::vector<float>& w);
Reference convolution_input_gradient(const ConvolutionShape& shape, const std::vector<float>& w,
                                     const std::vector<float>& dy);
Reference convolution_filter_gradient(const ConvolutionShape& shape, const std::vector<float>& x,
                                      const std::vector<float>& dy);

}  // namespace eb::gpu
