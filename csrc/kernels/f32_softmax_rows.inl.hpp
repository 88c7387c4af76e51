#pragma once

#include "kernels/f32_apply_unary.inl.hpp"

/// Softmax of rows.

namespace motorium::kernels {
namespace {

/// y = exp(x - max x); returns 1 / sum.
inline float exponentiate(const float* x, float* y, std::size_t n) {
  std::size_t i = 0;
  Vec peak = fill(-__builtin_huge_valf());
  for (; i + kLanes <= n; i += kLanes) peak = larger(peak, load(x + i));
  float top = largest(peak);
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  const Vec shift = fill(top);
  Vec total = zero();
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Vec value = exp_of(sub(load(x + i), shift));
    total = add(total, value);
    store(y + i, value);
  }
  float result = sum(total);
  if (i < n) {
    float tail[kLanes];
    store(tail, exp_of(sub(load_part(x + i, n - i), shift)));
    for (std::size_t lane = 0; i < n; ++i, ++lane) {
      y[i] = tail[lane];
      result += tail[lane];
    }
  }
  return 1.0f / result;
}

void f32_softmax_rows(const SoftmaxRows& a) noexcept {
  if (a.width == 0) return;
  for (std::size_t row = 0; row < a.rows; ++row) {
    float* y = a.y + row * a.width;
    const float scale = exponentiate(a.x + row * a.width, y, a.width);
    for (std::size_t i = 0; i < a.width; ++i) y[i] *= scale;
  }
}

}  // namespace
}  // namespace motorium::kernels
