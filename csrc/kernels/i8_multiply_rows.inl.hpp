#pragma once

#include "kernels/f32_multiply_rows.inl.hpp"

/// Prepacked matrix product of int8 weights and rows from i8_quantise_rows: exact int32 sums, then two
/// scales.

namespace motorium::kernels {
namespace {

struct MultiplyBytes {
  template <int R>
  static void run(const MultiplyPanel& panel, std::size_t first) {
    const std::size_t stride = converted_stride(panel.a.k);
    const std::size_t groups = (panel.a.k + Int8Dot::group - 1) / Int8Dot::group;
    const float* scale = static_cast<const float*>(panel.weights);
    const char* bytes = static_cast<const char*>(panel.weights) + kPanel * sizeof(float);
    const Int8Dot::Sum start[2] = {Int8Dot::start(bytes), Int8Dot::start(bytes + kLanes * sizeof(float))};
    const Int8Dot::Input* rows[R];
    for (int r = 0; r < R; ++r)
      rows[r] = static_cast<const Int8Dot::Input*>(panel.a.converted) +
                (first + static_cast<std::size_t>(r)) * stride;
    const DotTile<Int8Dot, R> tile = dot_tile<Int8Dot, R>(
        rows, start, reinterpret_cast<const Int8Dot::Weight*>(bytes + kPanel * sizeof(std::int32_t)), groups,
        panel.ahead(first, groups));
    const Vec scale_low = load(scale);
    const Vec scale_high = load(scale + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const std::size_t row = first + static_cast<std::size_t>(r);
      const Vec factor = fill(panel.a.converted_scale[row]);
      panel.finish(row, mul(mul(Int8Dot::to_float(tile.part[r][0]), factor), scale_low),
                   mul(mul(Int8Dot::to_float(tile.part[r][1]), factor), scale_high));
    }
  }
};

void i8_multiply_rows(const MultiplyRows& a) noexcept {
  multiply_panels<MultiplyBytes>(a, i8_panel_bytes(kPanel, a.k, Int8Dot::group));
}

}  // namespace
}  // namespace motorium::kernels
