#pragma once

#include "kernels/f32_apply_unary.inl.hpp"
#include "kernels/f32_tile.inl.hpp"

/// Prepacked matrix product for few rows. Each panel of weights is read once and meets all rows while in
/// cache; the next one is fetched meanwhile.

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

/// What happens to the sums of one panel, whatever the precision of its weights.
struct MultiplyPanel {
  const MultiplyRows& a;
  const void* weights;
  std::size_t bytes;
  Vec bias_low, bias_high;
  std::size_t column, columns;  // of the result

  template <int R>
  void find_rows(std::size_t first, const float** rows) const {
    for (int r = 0; r < R; ++r) {
      const std::size_t row = first + static_cast<std::size_t>(r);
      rows[r] = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    }
  }

  Ahead ahead(std::size_t first, std::size_t turns) const {
    return ahead_of(weights, bytes, turns, first / tile_height(a.rows), tile_count(a.rows));
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

/// Calls multiply.template run<R>(panel, first) for every panel of weights and every tile of rows.
template <typename Multiply>
struct PanelTiles {
  const MultiplyPanel& panel;

  template <int R>
  void run(std::size_t first) const {
    Multiply::template run<R>(panel, first);
  }
};

template <typename Multiply>
inline void multiply_panels(const MultiplyRows& a, std::size_t panel_bytes) {
  const std::size_t results = is_gated(a.activation) ? kLanes : kPanel;
  std::size_t index = 0;
  for (std::size_t column = 0; column < a.n; column += results, ++index) {
    const float* bias = a.packed_bias != nullptr ? a.packed_bias + index * kPanel : nullptr;
    const MultiplyPanel panel{a,
                              static_cast<const char*>(a.packed) + index * panel_bytes,
                              panel_bytes,
                              bias != nullptr ? load(bias) : zero(),
                              bias != nullptr ? load(bias + kLanes) : zero(),
                              column,
                              a.n - column < results ? a.n - column : results};
    for_tiles(PanelTiles<Multiply>{panel}, a.rows);
  }
}

/// Rows of float32 times panels of any kind that becomes float32 in registers.
template <typename Panel>
struct MultiplyFloats {
  template <int R>
  static void run(const MultiplyPanel& panel, std::size_t first) {
    const float* rows[R];
    panel.find_rows<R>(first, rows);
    const std::size_t k = panel.a.k;
    const Tile<R> tile =
        multiply_tile<R, Panel>(rows, static_cast<const typename Panel::Word*>(panel.weights), Panel::words,
                                k, panel.ahead(first, k));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
      panel.finish(first + static_cast<std::size_t>(r), tile.part[r][0], tile.part[r][1]);
  }
};

void f32_multiply_rows(const MultiplyRows& a) noexcept {
  multiply_panels<MultiplyFloats<FloatPanel>>(a, kPanel * a.k * sizeof(float));
}

}  // namespace
}  // namespace motorium::kernels
