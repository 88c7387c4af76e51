#pragma once

#include "kernels/f32_normalise_layer.inl.hpp"

/// Scale and shift rows by vectors that are chosen per row.

namespace motorium::kernels {
namespace {

void f32_modulate_rows(const ModulateRows& a) noexcept {
  const Vec offset = fill(a.offset);
  for (std::size_t row = 0; row < a.rows; ++row) {
    const std::size_t which = (a.index != nullptr ? a.index[row] : 0) * a.stride;
    const float* x = a.x + row * a.x_stride;
    float* y = a.y + row * a.y_stride;
    for_lanes(a.width, [&](std::size_t i, std::size_t n) {
      Vec base = a.shift != nullptr ? load_some(a.shift + which + i, n) : zero();
      if (a.residual != nullptr) base = add(base, load_some(a.residual + row * a.y_stride + i, n));
      const Vec factor = add(offset, load_some(a.scale + which + i, n));
      store_some(y + i, fma(load_some(x + i, n), factor, base), n);
    });
  }
}

}  // namespace
}  // namespace motorium::kernels
