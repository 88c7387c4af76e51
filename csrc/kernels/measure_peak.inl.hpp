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

/// Dot products are measured through the product itself, on one panel: alone, GCC 12 schedules their loop so
/// that it runs out of registers.
inline constexpr std::size_t kDotInputs = 1024;

template <void (*multiply)(const MultiplyRows&) noexcept>
inline float peak_of_dots(std::size_t rounds) {
  alignas(64) char panel[i8_panel_bytes(kPanel, 2 * kDotInputs, 4)] = {};
  alignas(64) std::uint16_t rows[Vec::tile_rows * kDotInputs] = {};
  float scale[Vec::tile_rows] = {};
  float y[Vec::tile_rows * kPanel];
  MultiplyRows call{nullptr, 0,      Vec::tile_rows,   panel, kPanel,  kDotInputs, nullptr,
                    y,       kPanel, Activation::none, false, nullptr, nullptr,    nullptr};
  call.converted = rows;
  call.converted_scale = scale;
  for (std::size_t i = 0; i < rounds; ++i) multiply(call);
  return y[0];
}

template <typename Unit>
inline float peak_of_bf16(const void* panel, const void* const volatile* row, std::size_t rounds) {
  if constexpr (Unit::bf16_dot) {
    return peak_of_dots<bf16_multiply_rows>(rounds * kPeakInputs / kDotInputs);
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
  *a.sink = a.precision == Precision::float32 ? peak_of_floats<FloatPanel>(weights, &inputs, a.rounds)
            : a.precision == Precision::bfloat16
                ? peak_of_bf16<Vec>(weights, &inputs, a.rounds)
                : peak_of_dots<i8_multiply_rows>(a.rounds * kPeakInputs / kDotInputs);
  const bool whole = a.precision == Precision::int8 || (a.precision == Precision::bfloat16 && Vec::bf16_dot);
  const std::size_t inputs_done =
      whole ? a.rounds * kPeakInputs / kDotInputs * kDotInputs : a.rounds * kPeakInputs;
  *a.products = inputs_done * kPanel * Vec::tile_rows;
}

}  // namespace
}  // namespace motorium::kernels
