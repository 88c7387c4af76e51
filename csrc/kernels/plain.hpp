#pragma once

#include <cmath>
#include <cstring>

#include "kernels/table.hpp"

/// Parts of the plain twin, and the locations of its weights: one lane, panels of two, groups of one.
namespace motorium::kernels::plain {

inline constexpr std::size_t kPanel = 2;

inline float silu_of(float x) { return x / (1.0f + std::exp(-x)); }

inline float gelu_of(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); }

inline float gelu_tanh_of(float x) {
  return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
}

void f32_multiply_rows(const MultiplyRows& a) noexcept;
void bf16_multiply_rows(const MultiplyRows& a) noexcept;
void i8_multiply_rows(const MultiplyRows& a) noexcept;
void bf16_round_rows(const ConvertRows& a) noexcept;
void i8_quantise_rows(const ConvertRows& a) noexcept;
void i16_store_keys(const StoreKeys& a) noexcept;
void i16_attend_rows(const AttendRows& a) noexcept;
void u8_resize_image(const ResizeImage& a) noexcept;
void f32_gather_slots(const GatherSlots& a) noexcept;
void f32_scatter_slots(const ScatterSlots& a) noexcept;
void measure_peak(const MeasurePeak& a) noexcept;
void measure_stream(const MeasureStream& a) noexcept;

/// Index of weight (output, input) among the weights of float32 and bfloat16 panels.
inline std::size_t place_of(std::size_t output, std::size_t input, std::size_t k) {
  return (output / kPanel * k + input) * kPanel + output % kPanel;
}

inline float float_at(const MultiplyRows& a, std::size_t output, std::size_t input) {
  return static_cast<const float*>(a.packed)[place_of(output, input, a.k)];
}

inline float bfloat_at(const MultiplyRows& a, std::size_t output, std::size_t input) {
  const auto* packed = static_cast<const std::uint16_t*>(a.packed);
  const std::uint32_t bits = static_cast<std::uint32_t>(packed[place_of(output, input, a.k)]) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline const char* byte_panel(const MultiplyRows& a, std::size_t output) {
  return static_cast<const char*>(a.packed) + output / kPanel * i8_panel_bytes(kPanel, a.k, 1);
}

inline std::int32_t byte_at(const MultiplyRows& a, std::size_t output, std::size_t input) {
  const auto* weights = reinterpret_cast<const std::int8_t*>(byte_panel(a, output) + 8 * kPanel);
  return weights[input * kPanel + output % kPanel];
}

inline float scale_at(const MultiplyRows& a, std::size_t output) {
  float scale;
  std::memcpy(&scale, byte_panel(a, output) + output % kPanel * sizeof scale, sizeof scale);
  return scale;
}

}  // namespace motorium::kernels::plain
