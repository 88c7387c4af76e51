#pragma once

#include "kernels/f32_multiply_rows.inl.hpp"

/// Prepacked matrix product of int8 weights and rows from i8_quantise_rows: exact int32 sums, then two
/// scales.

namespace motorium::kernels {
namespace {

/// Whether products of this kind are summed in 16 bits first.
template <typename Dot>
inline constexpr bool is_chained() {
  return requires { Dot::chain; };
}

template <typename Dot>
inline constexpr DotFormat i8_format() {
  if constexpr (is_chained<Dot>()) {
    static_assert(Dot::chain * Dot::group == kChain);
    constexpr int largest = Dot::levels + Dot::offset;
    return {Dot::group, sizeof(typename Dot::Input), Dot::offset, kChain, Dot::levels, 32767 / largest};
  } else {
    return {Dot::group, sizeof(typename Dot::Input), Dot::offset, Dot::group};
  }
}

template <typename Dot, int R>
[[gnu::always_inline]] inline DotTile<Dot, R> byte_tile(const typename Dot::Input* const* rows,
                                                        const typename Dot::Sum (&start)[2],
                                                        const typename Dot::Weight* panel,
                                                        const MultiplyPanel& whole, std::size_t first) {
  constexpr DotFormat format = i8_format<Dot>();
  const std::size_t groups = round_up(whole.a.k, format.block) / Dot::group;
  if constexpr (is_chained<Dot>()) {
    return chain_tile<Dot, R>(rows, start, panel, groups, whole.ahead(first, groups / 2));
  } else {
    return dot_tile<Dot, R>(rows, start, panel, groups, whole.ahead(first, groups));
  }
}

template <typename Dot>
struct MultiplyBytes {
  template <int R>
  static void run(const MultiplyPanel& panel, std::size_t first) {
    const std::size_t stride = converted_stride(panel.a.k);
    const float* scale = static_cast<const float*>(panel.weights);
    const char* bytes = static_cast<const char*>(panel.weights) + kPanel * sizeof(float);
    const typename Dot::Sum start[2] = {Dot::start(bytes), Dot::start(bytes + kLanes * sizeof(float))};
    const typename Dot::Input* rows[R];
    for (int r = 0; r < R; ++r)
      rows[r] = static_cast<const typename Dot::Input*>(panel.a.converted) +
                (first + static_cast<std::size_t>(r)) * stride;
    const DotTile<Dot, R> tile = byte_tile<Dot, R>(
        rows, start, reinterpret_cast<const typename Dot::Weight*>(bytes + kPanel * sizeof(std::int32_t)),
        panel, first);
    const Vec scale_low = load(scale);
    const Vec scale_high = load(scale + kLanes);
    Tile<R> sums;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec factor = fill(panel.a.converted_scale[first + static_cast<std::size_t>(r)]);
      sums.part[r][0] = mul(mul(Dot::to_float(tile.part[r][0]), factor), scale_low);
      sums.part[r][1] = mul(mul(Dot::to_float(tile.part[r][1]), factor), scale_high);
    }
    panel.finish(first, R, sums.part);
  }
};

void i8_multiply_rows(const MultiplyRows& a) noexcept {
  multiply_panels<MultiplyBytes<Int8Dot>>(a, i8_panel_bytes(kPanel, a.k, i8_format<Int8Dot>().block));
}

}  // namespace
}  // namespace motorium::kernels
