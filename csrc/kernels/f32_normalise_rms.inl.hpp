#pragma once

/// Root-mean-square normalisation.

namespace motorium::kernels {
namespace {

inline void normalise_stretch(const float* x, float* y, const NormaliseRms& a) {
  Vec squares = zero();
  std::size_t i = 0;
  for (; i + kLanes <= a.width; i += kLanes) {
    const Vec value = load(x + i);
    squares = fma(value, value, squares);
  }
  if (i < a.width) {
    const Vec value = load_part(x + i, a.width - i);
    squares = fma(value, value, squares);
  }
  const float mean = sum(squares) / static_cast<float>(a.width);
  const Vec scale = fill(1.0f / __builtin_sqrtf(mean + a.eps));
  for (i = 0; i + kLanes <= a.width; i += kLanes)
    store(y + i, mul(mul(load(x + i), scale), load(a.weight + i)));
  if (i < a.width) {
    const std::size_t n = a.width - i;
    store_part(y + i, mul(mul(load_part(x + i, n), scale), load_part(a.weight + i, n)), n);
  }
}

void f32_normalise_rms(const NormaliseRms& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    for (std::size_t segment = 0; segment < a.segments; ++segment) {
      normalise_stretch(a.x + row * a.x_stride + segment * a.width,
                        a.y + row * a.y_stride + segment * a.width, a);
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
