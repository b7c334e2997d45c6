#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eb::gpu {

/// Deterministic numbers in [-1, 1]: multiples of 1/steps. Up to 128 steps they are exact in
/// bfloat16 (8 significant bits), up to 1024 in half precision and TF32 (11 bits).
std::vector<float> sample_numbers(size_t count, int steps, uint32_t seed);

/// Results worked out by the processor in double precision, with what rounding is measured by: the
/// sum of the absolute values of all terms of each result.
struct Reference {
  std::vector<double> exact;
  std::vector<double> scale;
};

/// C = A B, column-major: A is m x k, B is k x n.
Reference multiply(const std::vector<float>& a, const std::vector<float>& b, int m, int n, int k);

/// The largest |got - exact| / scale; infinity for what is no number.
double largest_error(const Reference& reference, const std::vector<float>& got);

/// What a sum of `terms` products in single precision may lose, in the measure of largest_error:
/// (terms + 2) roundings of 2^-24 each (Higham, "Accuracy and Stability", 3.1).
double sum_tolerance(int terms);

/// Bits of a number that the type holds exactly, is 0 or lies in [2^-14, 65504].
uint16_t half_bits(float value);
uint16_t bfloat16_bits(float value);

}  // namespace eb::gpu
