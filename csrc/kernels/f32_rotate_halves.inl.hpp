#pragma once

#include "kernels/f32_normalise_layer.inl.hpp"

/// Rotary position embedding in the layout of two halves.

namespace motorium::kernels {
namespace {

void f32_rotate_halves(const RotateHalves& a) noexcept {
  const std::size_t half = a.width / 2;
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* cosine = a.cosine + a.positions[row] * half;
    const float* sine = a.sine + a.positions[row] * half;
    for (std::size_t segment = 0; segment < a.segments; ++segment) {
      float* low = a.x + row * a.stride + segment * a.width;
      float* high = low + half;
      for_lanes(half, [&](std::size_t i, std::size_t n) {
        const Vec c = load_some(cosine + i, n), s = load_some(sine + i, n);
        const Vec x = load_some(low + i, n), y = load_some(high + i, n);
        store_some(low + i, fma(x, c, mul(sub(zero(), y), s)), n);
        store_some(high + i, fma(y, c, mul(x, s)), n);
      });
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
