#pragma once

/// Rounds rows of float32 to integers -levels..levels with one scale each. Bit for bit the same on every
/// unit: the largest magnitude is exact, and each input is one rounded product and one rounding to an
/// integer.

namespace motorium::kernels {
namespace {

/// Returns max |x|; NaN when anything in x is not finite.
inline float peak_of(const float* x, std::size_t n) {
  Vec peak = zero();
  Vec poison = zero();  // x * 0 is NaN where x is not finite
  std::size_t i = 0;
  Vec peaks[4] = {zero(), zero(), zero(), zero()};  // four independent chains hide the latency of one
  Vec poisons[4] = {zero(), zero(), zero(), zero()};
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (std::size_t c = 0; c < 4; ++c) {
      const Vec value = load(x + i + c * kLanes);
      peaks[c] = larger(larger(value, sub(zero(), value)), peaks[c]);
      poisons[c] = fma(value, zero(), poisons[c]);
    }
  }
  for (std::size_t c = 0; c < 4; ++c) {
    peak = larger(peaks[c], peak);
    poison = add(poison, poisons[c]);
  }
  for (; i + kLanes <= n; i += kLanes) {
    const Vec value = load(x + i);
    peak = larger(larger(value, sub(zero(), value)), peak);
    poison = fma(value, zero(), poison);
  }
  if (i < n) {
    const Vec value = load_part(x + i, n - i);
    peak = larger(larger(value, sub(zero(), value)), peak);
    poison = fma(value, zero(), poison);
  }
  return largest(peak) + sum(poison);
}

/// Computes y = round(x * factor) + offset.
inline void round_row(const float* x, Int8Dot::Input* __restrict y, std::size_t n, float factor) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it removes the fraction bits
  for (std::size_t i = 0; i < n; ++i) {
    const float scaled = x[i] * factor;
    const float shifted = scaled + kRound;
    const float whole = shifted - kRound;
    y[i] = static_cast<Int8Dot::Input>(static_cast<std::int32_t>(whole) + Int8Dot::offset);
  }
}

void i8_quantise_rows(const ConvertRows& a) noexcept {
  using Input = Int8Dot::Input;
  const std::size_t stride = converted_stride(a.k);
  const auto levels = static_cast<float>(a.levels);
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + (a.x_rows != nullptr ? a.x_rows[row] : row) * a.x_stride;
    Input* y = static_cast<Input*>(a.y) + row * stride;
    const float peak = peak_of(x, a.k);
    a.scale[row] = peak / levels;
    const bool usable = peak > 1e-30f;  // false for NaN: the row's scale then spoils all its results
    if (usable) round_row(x, y, a.k, levels / peak);
    for (std::size_t i = usable ? a.k : 0; i < stride; ++i) y[i] = static_cast<Input>(Int8Dot::offset);
  }
}

}  // namespace
}  // namespace motorium::kernels
