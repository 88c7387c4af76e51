#pragma once

/// Bilinear resize of an image and its normalisation: rows are blended by vectors, columns one by one.

namespace motorium::kernels {
namespace {

/// Two neighbours of an output pixel along one axis and the fraction of the second.
struct Blend {
  std::size_t first, second;
  float fraction;
};

inline Blend blend_at(std::size_t i, std::size_t in, std::size_t out) {
  const float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(in) / static_cast<float>(out) - 0.5f;
  const float inside = at < 0.0f ? 0.0f : at;
  std::size_t first = static_cast<std::size_t>(inside);
  if (first > in - 1) first = in - 1;
  return {first, first + 1 < in ? first + 1 : first, inside - static_cast<float>(first)};
}

inline void blend_rows(const ResizeImage& a, const Blend& rows) {
  const std::size_t stretch = 3 * a.width;
  const std::uint8_t* top = a.x + rows.first * stretch;
  const std::uint8_t* bottom = a.x + rows.second * stretch;
  const Vec fraction = fill(rows.fraction);
  std::size_t i = 0;
  for (; i + kLanes <= stretch; i += kLanes) {
    const Vec value = load_u8(top + i);
    store(a.scratch + i, fma(fraction, sub(load_u8(bottom + i), value), value));
  }
  for (; i < stretch; ++i) {
    const float value = static_cast<float>(top[i]);
    a.scratch[i] = value + rows.fraction * (static_cast<float>(bottom[i]) - value);
  }
}

void u8_resize_image(const ResizeImage& a) noexcept {
  const std::size_t pixels = a.out_height * a.out_width;
  const std::size_t step = a.channels_first ? pixels : 1;
  for (std::size_t row = 0; row < a.out_height; ++row) {
    blend_rows(a, blend_at(row, a.height, a.out_height));
    for (std::size_t column = 0; column < a.out_width; ++column) {
      const Blend at = blend_at(column, a.width, a.out_width);
      const std::size_t pixel = row * a.out_width + column;
      float* y = a.y + (a.channels_first ? pixel : 3 * pixel);
      for (std::size_t c = 0; c < 3; ++c) {
        const float left = a.scratch[3 * at.first + c];
        const float value = left + at.fraction * (a.scratch[3 * at.second + c] - left);
        y[c * step] = value * a.scale[c] + a.shift[c];
      }
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
