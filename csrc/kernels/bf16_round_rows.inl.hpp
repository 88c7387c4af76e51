#pragma once

/// Rows of float32 rounded to bfloat16, nearest even; NaN stays NaN.

namespace motorium::kernels {
namespace {

void bf16_round_rows(const ConvertRows& a) noexcept {
  const std::size_t stride = converted_stride(a.k);
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    std::uint16_t* y = static_cast<std::uint16_t*>(a.y) + row * stride;
    for (std::size_t i = 0; i < a.k; ++i) {
      std::uint32_t bits;
      __builtin_memcpy(&bits, x + i, sizeof bits);
      const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
      const std::uint32_t quiet = (bits >> 16) | 0x40u;
      y[i] = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
    }
    for (std::size_t i = a.k; i < stride; ++i) y[i] = 0;
  }
}

}  // namespace
}  // namespace motorium::kernels
