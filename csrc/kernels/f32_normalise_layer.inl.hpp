#pragma once

/// Layer normalisation: the mean first, then squared distances from it.

namespace motorium::kernels {
namespace {

/// Calls work(i, n) for stretches of n <= kLanes floats covering `width`.
template <typename Work>
inline void for_lanes(std::size_t width, const Work& work) {
  std::size_t i = 0;
  for (; i + kLanes <= width; i += kLanes) work(i, kLanes);
  if (i < width) work(i, width - i);
}

inline Vec load_some(const float* p, std::size_t n) { return n == kLanes ? load(p) : load_part(p, n); }

inline void store_some(float* p, Vec a, std::size_t n) {
  if (n == kLanes) return store(p, a);
  store_part(p, a, n);
}

inline void normalise_row(const float* x, float* y, const NormaliseLayer& a) {
  Vec total = zero();
  for_lanes(a.width, [&](std::size_t i, std::size_t n) { total = add(total, load_some(x + i, n)); });
  const float mean = sum(total) / static_cast<float>(a.width);
  const Vec centre = fill(mean);
  Vec squares = zero();
  float rest = 0.0f;
  for_lanes(a.width, [&](std::size_t i, std::size_t n) {
    if (n < kLanes) {
      for (; i < a.width; ++i) rest += (x[i] - mean) * (x[i] - mean);
      return;
    }
    const Vec distance = sub(load(x + i), centre);
    squares = fma(distance, distance, squares);
  });
  const float variance = (sum(squares) + rest) / static_cast<float>(a.width);
  const Vec scale = fill(1.0f / __builtin_sqrtf(variance + a.eps));
  for_lanes(a.width, [&](std::size_t i, std::size_t n) {
    Vec value = mul(sub(load_some(x + i, n), centre), scale);
    if (a.weight != nullptr) value = mul(value, load_some(a.weight + i, n));
    if (a.bias != nullptr) value = add(value, load_some(a.bias + i, n));
    store_some(y + i, value, n);
  });
}

void f32_normalise_layer(const NormaliseLayer& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row)
    normalise_row(a.x + row * a.x_stride, a.y + row * a.y_stride, a);
}

}  // namespace
}  // namespace motorium::kernels
