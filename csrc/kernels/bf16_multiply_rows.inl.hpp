#pragma once

#include "kernels/f32_multiply_rows.inl.hpp"

/// Prepacked matrix product with bfloat16 weights: half the memory traffic. Without a bfloat16 dot product
/// the CPU widens the weights to float32 in registers and the rows stay float32; with one, rows are rounded
/// too.

namespace motorium::kernels {
namespace {

/// Weights of one input: word i holds the upper halves of outputs i (low) and i + kLanes (high).
struct Bf16Panel {
  static constexpr std::size_t words = kPanel;
  using Word = std::uint16_t;
  [[gnu::always_inline]] static void read(const std::uint16_t* p, Vec& low, Vec& high) {
    load_bf16(p, low, high);
  }
};

template <typename Dot>
struct MultiplyPairs {
  template <int R>
  static void run(const MultiplyPanel& panel, std::size_t first) {
    const std::size_t stride = converted_stride(panel.a.k);
    const std::size_t pairs = (panel.a.k + 1) / 2;
    const std::uint16_t* rows[R];
    for (int r = 0; r < R; ++r)
      rows[r] = static_cast<const std::uint16_t*>(panel.a.converted) +
                (first + static_cast<std::size_t>(r)) * stride;
    const typename Dot::Sum start[2] = {Dot::none(), Dot::none()};
    const DotTile<Dot, R> tile = dot_tile<Dot, R>(
        rows, start, static_cast<const std::uint16_t*>(panel.weights), pairs, panel.ahead(first, pairs));
    Tile<R> sums;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      sums.part[r][0] = Dot::to_float(tile.part[r][0]);
      sums.part[r][1] = Dot::to_float(tile.part[r][1]);
    }
    panel.finish(first, R, sums.part);
  }
};

/// A template, so that units without a Bf16Dot need not have one.
template <typename Unit>
inline constexpr DotFormat bf16_format() {
  if constexpr (Unit::bf16_dot) return {2, sizeof(std::uint16_t), 0, 2};
  return {1, 0};
}

template <typename Unit>
inline void multiply_bf16(const MultiplyRows& a) {
  const std::size_t bytes = bf16_panel_bytes(kPanel, a.k, bf16_format<Unit>().block);
  if constexpr (Unit::bf16_dot) {
    multiply_panels<MultiplyPairs<typename Unit::Bf16Dot>>(a, bytes);
  } else {
    multiply_panels<MultiplyFloats<Bf16Panel>>(a, bytes);
  }
}

void bf16_multiply_rows(const MultiplyRows& a) noexcept { multiply_bf16<Vec>(a); }

}  // namespace
}  // namespace motorium::kernels
