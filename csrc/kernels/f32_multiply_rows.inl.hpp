#pragma once

#include "kernels/f32_apply_unary.inl.hpp"
#include "kernels/f32_tile.inl.hpp"

/// Prepacked matrix product for few rows. Each panel of weights is read once and used for all rows while in
/// cache; the next one is prefetched meanwhile.

namespace motorium::kernels {
namespace {

/// Finishes the sums of one panel, whatever the precision of its weights.
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

  /// Finishes rows first .. first + count - 1 from their sums.
  [[gnu::noinline]] void finish(std::size_t first, std::size_t count, const Vec (*sums)[2]) const {
    switch (a.activation) {
      case Activation::silu_gate:
        return finish_gated<silu_of>(first, count, sums);
      case Activation::gelu_tanh_gate:
        return finish_gated<gelu_tanh_of>(first, count, sums);
      case Activation::relu:
        return finish_with<relu_of>(first, count, sums);
      case Activation::silu:
        return finish_with<silu_of>(first, count, sums);
      case Activation::gelu:
        return finish_with<gelu_of>(first, count, sums);
      case Activation::gelu_tanh:
        return finish_with<gelu_tanh_of>(first, count, sums);
      case Activation::none:
        return finish_with<same>(first, count, sums);
    }
  }

 private:
  static Vec same(Vec x) { return x; }

  float* result(std::size_t row) const {
    return a.y + (a.y_rows != nullptr ? a.y_rows[row] : row) * a.y_stride + column;
  }

  template <Vec (*activate)(Vec)>
  [[gnu::always_inline]] void finish_with(std::size_t first, std::size_t count, const Vec (*sums)[2]) const {
    for (std::size_t r = 0; r < count; ++r) {
      float* y = result(first + r);
      Vec low = activate(add(sums[r][0], bias_low));
      Vec high = activate(add(sums[r][1], bias_high));
      if (a.row_scale != nullptr) {
        low = mul(low, fill(a.row_scale[first + r]));
        high = mul(high, fill(a.row_scale[first + r]));
      }
      if (a.accumulate) {
        low = add(low, columns >= kLanes ? load(y) : load_part(y, columns));
        if (columns > kLanes)
          high = add(high, columns >= kPanel ? load(y + kLanes) : load_part(y + kLanes, columns - kLanes));
      }
      store_row(y, low, high, columns);
    }
  }

  template <Vec (*activate)(Vec)>
  [[gnu::always_inline]] void finish_gated(std::size_t first, std::size_t count, const Vec (*sums)[2]) const {
    for (std::size_t r = 0; r < count; ++r) {
      float* y = result(first + r);
      Vec value = mul(activate(add(sums[r][0], bias_low)), add(sums[r][1], bias_high));
      if (a.row_scale != nullptr) value = mul(value, fill(a.row_scale[first + r]));
      if (columns >= kLanes) {
        store(y, a.accumulate ? add(value, load(y)) : value);
      } else {
        store_part(y, a.accumulate ? add(value, load_part(y, columns)) : value, columns);
      }
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

/// Multiplies rows of float32 by panels of any kind that becomes float32 in registers.
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
    panel.finish(first, R, tile.part);
  }
};

void f32_multiply_rows(const MultiplyRows& a) noexcept {
  multiply_panels<MultiplyFloats<FloatPanel>>(a, kPanel * a.k * sizeof(float));
}

}  // namespace
}  // namespace motorium::kernels
