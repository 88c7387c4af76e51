#pragma once

#include "kernels/bf16_multiply_rows.inl.hpp"
#include "kernels/i8_multiply_rows.inl.hpp"

/// The most multiply-adds per second that this unit can do: a full tile on operands that stay in the nearest
/// cache, so that what is measured is the arithmetic of the products themselves.

namespace motorium::kernels {
namespace {

inline constexpr std::size_t kPeakInputs = 64;  // a panel of at most 8 KiB
inline constexpr int kPeakRows = static_cast<int>(Vec::tile_rows);

template <typename Panel>
inline float peak_of_floats(const void* panel, const void* const volatile* row, std::size_t rounds) {
  const float* rows[kPeakRows];
  for (const float*& x : rows) x = static_cast<const float*>(*row);
  Vec total = zero();
  for (std::size_t i = 0; i < rounds; ++i) {
    const Tile<kPeakRows> tile = multiply_tile<kPeakRows, Panel>(
        rows, static_cast<const typename Panel::Word*>(panel), Panel::words, kPeakInputs);
#pragma GCC unroll 16
    for (int r = 0; r < kPeakRows; ++r) total = add(total, add(tile.part[r][0], tile.part[r][1]));
  }
  return sum(total);
}

template <typename Dot>
inline float peak_of_dots(const void* panel, const void* const volatile* row, std::size_t rounds) {
  const typename Dot::Input* rows[kPeakRows];
  for (const typename Dot::Input*& x : rows) x = static_cast<const typename Dot::Input*>(*row);
  Vec total = zero();
  const typename Dot::Sum start[2] = {Dot::none(), Dot::none()};
  for (std::size_t i = 0; i < rounds; ++i) {
    const DotTile<Dot, kPeakRows> tile =
        dot_tile<Dot, kPeakRows>(rows, start, static_cast<const typename Dot::Weight*>(panel),
                                 kPeakInputs / Dot::group, NothingAhead{});
#pragma GCC unroll 16
    for (int r = 0; r < kPeakRows; ++r)
      total = add(total, add(Dot::to_float(tile.part[r][0]), Dot::to_float(tile.part[r][1])));
  }
  return sum(total);
}

template <typename Unit>
inline float peak_of_bf16(const void* panel, const void* const volatile* row, std::size_t rounds) {
  if constexpr (Unit::bf16_dot) {
    return peak_of_dots<typename Unit::Bf16Dot>(panel, row, rounds);
  } else {
    return peak_of_floats<Bf16Panel>(panel, row, rounds);
  }
}

void measure_peak(const MeasurePeak& a) noexcept {
  alignas(64) float panel[kPeakInputs * kPanel] = {};
  alignas(64) float row[kPeakInputs] = {};
  // Read anew for every row: that they are equal, or zero, must not be known.
  const void* volatile weights = panel;
  const void* const volatile inputs = row;
  *a.sink = a.precision == Precision::float32    ? peak_of_floats<FloatPanel>(weights, &inputs, a.rounds)
            : a.precision == Precision::bfloat16 ? peak_of_bf16<Vec>(weights, &inputs, a.rounds)
                                                 : peak_of_dots<Int8Dot>(weights, &inputs, a.rounds);
  *a.products = a.rounds * kPeakInputs * kPanel * Vec::tile_rows;
}

}  // namespace
}  // namespace motorium::kernels
