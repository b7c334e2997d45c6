#include "runtime/gpu/product.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace eb::gpu {

std::vector<float> sample_numbers(size_t count, int steps, uint32_t seed) {
  std::vector<float> out(count);
  uint32_t state = seed;
  for (float& value : out) {
    state = state * 1664525u + 1013904223u;
    const auto step = static_cast<int>((state >> 8) % static_cast<uint32_t>(2 * steps + 1)) - steps;
    value = static_cast<float>(step) / static_cast<float>(steps);
  }
  return out;
}

Reference multiply(const std::vector<float>& a, const std::vector<float>& b, int m, int n, int k) {
  const auto rows = static_cast<size_t>(m);
  const auto columns = static_cast<size_t>(n);
  const auto inner = static_cast<size_t>(k);
  Reference out{std::vector<double>(rows * columns), std::vector<double>(rows * columns)};
  for (size_t column = 0; column < columns; ++column) {
    for (size_t i = 0; i < inner; ++i) {
      const double factor = b[i + column * inner];
      for (size_t row = 0; row < rows; ++row) {
        const double term = static_cast<double>(a[row + i * rows]) * factor;
        out.exact[row + column * rows] += term;
        out.scale[row + column * rows] += std::abs(term);
      }
    }
  }
  return out;
}

double largest_error(const Reference& reference, const std::vector<float>& got) {
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - reference.exact[i]);
    // A sum of nothing but zeros must be zero.
    const double error =
        difference == 0 ? 0 : difference / (reference.scale[i] > 0 ? reference.scale[i] : 1e-300);
    if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
    if (error > largest) largest = error;
  }
  return largest;
}

double sum_tolerance(int terms) { return (terms + 2) * 0x1p-24; }

uint16_t half_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  if (value == 0) return sign;
  const uint32_t exponent = (bits >> 23 & 0xffu) - 127u + 15u;
  return static_cast<uint16_t>(sign | exponent << 10 | (bits >> 13 & 0x3ffu));
}

uint16_t bfloat16_bits(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

}  // namespace eb::gpu
