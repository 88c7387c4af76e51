#pragma once

#include "kernels/bf16_multiply_rows.inl.hpp"
#include "kernels/i8_multiply_rows.inl.hpp"

/// Measures the most multiply-adds per second that this unit can do: a full tile on operands that stay in the
/// nearest cache, so that only the arithmetic of the products counts.

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

/// Dot products are measured through the product itself, on one panel: when alone, GCC 12 schedules the loop
/// of those that take several instructions so that it runs out of registers.
inline constexpr std::size_t kDotInputs = 1024;

template <void (*multiply)(const MultiplyRows&) noexcept>
inline float peak_of_dots(std::size_t inputs, std::size_t products_wanted) {
  alignas(64) char panel[i8_panel_bytes(kPanel, 2 * kDotInputs, 4)] = {};
  alignas(64) std::uint16_t rows[Vec::tile_rows * kDotInputs] = {};
  float scale[Vec::tile_rows] = {};
  float y[Vec::tile_rows * kPanel];
  MultiplyRows call{nullptr, 0,      Vec::tile_rows,   panel, kPanel,  inputs,  nullptr,
                    y,       kPanel, Activation::none, false, nullptr, nullptr, nullptr};
  call.converted = rows;
  call.converted_scale = scale;
  for (std::size_t done = 0; done < products_wanted; done += inputs * kPanel * Vec::tile_rows) multiply(call);
  return y[0];
}

/// One instruction is the whole dot product: none of it can be hoisted out of the loop or shared among the
/// sums.
template <typename Dot>
concept SingleInstruction = requires { requires Dot::single_instruction; };

/// Only a tile's sums. Every sum starts from its own, unknown value, or the compiler would keep one for all.
template <typename Dot>
inline float peak_of_registers(std::size_t products_wanted) {
  alignas(64) static const char zeros[256] = {};
  const char* const volatile opaque = zeros;
  const auto weights = Dot::load(reinterpret_cast<const typename Dot::Weight*>(opaque));
  const auto inputs = Dot::fill(reinterpret_cast<const typename Dot::Input*>(opaque));
  typename Dot::Sum sums[Vec::tile_rows][2];
#pragma GCC unroll 16
  for (auto& sum : sums)
    for (auto& half : sum) {
      const auto start = Dot::load(reinterpret_cast<const typename Dot::Weight*>(opaque));
      half = Dot::dot(Dot::none(), start.low, inputs);
    }
  for (std::size_t done = 0; done < products_wanted; done += Dot::group * kPanel * Vec::tile_rows) {
#pragma GCC unroll 16
    for (auto& sum : sums) {
      sum[0] = Dot::dot(sum[0], weights.low, inputs);
      sum[1] = Dot::dot(sum[1], weights.high, inputs);
    }
  }
  Vec total = zero();
#pragma GCC unroll 16
  for (const auto& sum : sums) total = add(total, add(Dot::to_float(sum[0]), Dot::to_float(sum[1])));
  return sum(total);
}

/// `inputs` as of MeasurePeak.
template <typename Dot, void (*multiply)(const MultiplyRows&) noexcept>
inline float peak_of(std::size_t inputs, std::size_t products_wanted) {
  if constexpr (SingleInstruction<Dot>) {
    if (inputs == 0) return peak_of_registers<Dot>(products_wanted);
  }
  return peak_of_dots<multiply>(inputs == 0 ? kDotInputs : inputs, products_wanted);
}

template <typename Unit>
inline float peak_of_bf16(const MeasurePeak& a, const void* panel, const void* const volatile* row,
                          std::size_t products_wanted) {
  if constexpr (Unit::bf16_dot) {
    return peak_of<typename Unit::Bf16Dot, bf16_multiply_rows>(a.inputs, products_wanted);
  } else {
    return peak_of_floats<Bf16Panel>(panel, row, a.rounds);
  }
}

void measure_peak(const MeasurePeak& a) noexcept {
  alignas(64) float panel[kPeakInputs * kPanel] = {};
  alignas(64) float row[kPeakInputs] = {};
  // Reload for every row, so that the compiler cannot know that rows are equal, or zero.
  const void* volatile weights = panel;
  const void* const volatile inputs = row;
  const std::size_t products = a.rounds * kPeakInputs * kPanel * Vec::tile_rows;
  *a.sink = a.precision == Precision::float32    ? peak_of_floats<FloatPanel>(weights, &inputs, a.rounds)
            : a.precision == Precision::bfloat16 ? peak_of_bf16<Vec>(a, weights, &inputs, products)
                                                 : peak_of<Int8Dot, i8_multiply_rows>(a.inputs, products);
  *a.products = products;
}

}  // namespace
}  // namespace motorium::kernels
