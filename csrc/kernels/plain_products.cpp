// Twins in plain loops: the products in all precisions and what prepares their rows.
#include <cmath>

#include "kernels/bfloat16.hpp"
#include "kernels/plain.hpp"

namespace motorium::kernels::plain {
namespace {

using Weight = float (*)(const MultiplyRows&, std::size_t output, std::size_t input);

/// The sum of one output: over rows as they are, or as the int8 product takes them.
template <Weight weight>
float dot(const MultiplyRows& a, std::size_t row, std::size_t output) {
  const float* x = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
  float total = 0.0f;
  for (std::size_t i = 0; i < a.k; ++i) total += x[i] * weight(a, output, i);
  return total;
}

float dot_bytes(const MultiplyRows& a, std::size_t row, std::size_t output) {
  const auto* x = static_cast<const std::int8_t*>(a.converted) + row * converted_stride(a.k);
  std::int32_t total = 0;
  for (std::size_t i = 0; i < a.k; ++i) total += x[i] * byte_at(a, output, i);
  return static_cast<float>(total) * a.converted_scale[row] * scale_at(a, output);
}

using Dot = float (*)(const MultiplyRows&, std::size_t row, std::size_t output);

template <Dot sum>
float activate(const MultiplyRows& a, std::size_t row, std::size_t column) {
  const auto value = [&](std::size_t output) {
    return sum(a, row, output) + (a.packed_bias != nullptr ? a.packed_bias[output] : 0.0f);
  };
  switch (a.activation) {
    case Activation::relu:
      return std::fmax(0.0f, value(column));
    case Activation::silu:
      return silu_of(value(column));
    case Activation::silu_gate:
      return silu_of(value(2 * column)) * value(2 * column + 1);
    case Activation::gelu:
      return gelu_of(value(column));
    case Activation::gelu_tanh:
      return gelu_tanh_of(value(column));
    case Activation::gelu_tanh_gate:
      return gelu_tanh_of(value(2 * column)) * value(2 * column + 1);
    case Activation::none:
      break;
  }
  return value(column);
}

template <Dot sum>
void multiply(const MultiplyRows& a) {
  for (std::size_t row = 0; row < a.rows; ++row) {
    for (std::size_t column = 0; column < a.n; ++column) {
      float& y = a.y[(a.y_rows != nullptr ? a.y_rows[row] : row) * a.y_stride + column];
      const float value = activate<sum>(a, row, column) * (a.row_scale != nullptr ? a.row_scale[row] : 1.0f);
      y = a.accumulate ? y + value : value;
    }
  }
}

}  // namespace

void f32_multiply_rows(const MultiplyRows& a) noexcept { multiply<dot<float_at>>(a); }
void bf16_multiply_rows(const MultiplyRows& a) noexcept { multiply<dot<bfloat_at>>(a); }
void i8_multiply_rows(const MultiplyRows& a) noexcept { multiply<dot_bytes>(a); }

void bf16_round_rows(const ConvertRows& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    auto* y = static_cast<std::uint16_t*>(a.y) + row * converted_stride(a.k);
    for (std::size_t i = 0; i < converted_stride(a.k); ++i) y[i] = i < a.k ? round_bf16(x[i]) : 0;
  }
}

void i8_quantise_rows(const ConvertRows& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    auto* y = static_cast<std::int8_t*>(a.y) + row * converted_stride(a.k);
    float peak = 0.0f;
    for (std::size_t i = 0; i < a.k; ++i)
      peak = std::isfinite(x[i]) && !std::isnan(peak) ? std::fmax(peak, std::fabs(x[i])) : NAN;
    const auto levels = static_cast<float>(a.levels);
    a.scale[row] = peak / levels;
    const float factor = peak > 1e-30f ? levels / peak : 0.0f;
    for (std::size_t i = 0; i < converted_stride(a.k); ++i)
      y[i] =
          i < a.k && factor > 0.0f ? static_cast<std::int8_t>(std::nearbyint(x[i] * factor)) : std::int8_t{0};
  }
}

}  // namespace motorium::kernels::plain
