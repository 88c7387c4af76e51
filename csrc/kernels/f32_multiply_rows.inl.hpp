#pragma once

#include "kernels/f32_apply_unary.inl.hpp"
#include "kernels/f32_tile.inl.hpp"

/// Prepacked matrix product for few rows. Each panel of weights is read once and meets all rows while in
/// cache.

namespace motorium::kernels {
namespace {

inline Vec activate(Activation activation, Vec x) {
  switch (activation) {
    case Activation::relu:
      return relu_of(x);
    case Activation::silu:
      return silu_of(x);
    case Activation::gelu:
      return gelu_of(x);
    case Activation::gelu_tanh:
      return gelu_tanh_of(x);
    default:
      return x;
  }
}

struct MultiplyPanel {
  const MultiplyRows& a;
  const float* weights;
  Vec bias_low, bias_high;
  std::size_t column, columns;  // of the result

  template <int R>
  void run(std::size_t first) const {
    const float* rows[R];
    for (int r = 0; r < R; ++r) {
      const std::size_t row = first + static_cast<std::size_t>(r);
      rows[r] = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    }
    const Tile<R> tile = multiply_tile<R>(rows, weights, kPanel, a.k);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) finish(first + static_cast<std::size_t>(r), tile.part[r][0], tile.part[r][1]);
  }

  void finish(std::size_t row, Vec low, Vec high) const {
    float* y = a.y + (a.y_rows != nullptr ? a.y_rows[row] : row) * a.y_stride + column;
    low = add(low, bias_low);
    high = add(high, bias_high);
    if (a.activation == Activation::silu_gate) return finish_gated(y, row, mul(silu_of(low), high));
    if (a.activation == Activation::gelu_tanh_gate) return finish_gated(y, row, mul(gelu_tanh_of(low), high));
    low = activate(a.activation, low);
    high = activate(a.activation, high);
    if (a.row_scale != nullptr) {
      low = mul(low, fill(a.row_scale[row]));
      high = mul(high, fill(a.row_scale[row]));
    }
    if (a.accumulate) {
      low = add(low, columns >= kLanes ? load(y) : load_part(y, columns));
      if (columns > kLanes)
        high = add(high, columns >= kPanel ? load(y + kLanes) : load_part(y + kLanes, columns - kLanes));
    }
    store_row(y, low, high, columns);
  }

  void finish_gated(float* y, std::size_t row, Vec value) const {
    if (a.row_scale != nullptr) value = mul(value, fill(a.row_scale[row]));
    if (columns >= kLanes) {
      store(y, a.accumulate ? add(value, load(y)) : value);
    } else {
      store_part(y, a.accumulate ? add(value, load_part(y, columns)) : value, columns);
    }
  }
};

void f32_multiply_rows(const MultiplyRows& a) noexcept {
  const std::size_t results = is_gated(a.activation) ? kLanes : kPanel;
  std::size_t panel = 0;
  for (std::size_t column = 0; column < a.n; column += results, ++panel) {
    const float* bias = a.packed_bias != nullptr ? a.packed_bias + panel * kPanel : nullptr;
    const MultiplyPanel work{a,
                             a.packed + panel * kPanel * a.k,
                             bias != nullptr ? load(bias) : zero(),
                             bias != nullptr ? load(bias + kLanes) : zero(),
                             column,
                             a.n - column < results ? a.n - column : results};
    for_tiles(work, a.rows);
  }
}

}  // namespace
}  // namespace motorium::kernels
