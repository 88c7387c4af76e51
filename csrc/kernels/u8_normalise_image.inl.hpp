#pragma once

/// uint8 RGB pixels to normalised floats. Three vectors hold a whole number of pixels, so the pattern of
/// channels repeats every three vectors.

namespace motorium::kernels {
namespace {

void u8_normalise_image(const NormaliseImage& a) noexcept {
  float pattern[2][3 * kLanes];
  for (std::size_t i = 0; i < 3 * kLanes; ++i) {
    pattern[0][i] = a.scale[i % 3];
    pattern[1][i] = a.shift[i % 3];
  }
  const std::size_t n = 3 * a.pixels;
  std::size_t i = 0;
  for (; i + 3 * kLanes <= n; i += 3 * kLanes) {
#pragma GCC unroll 3
    for (std::size_t part = 0; part < 3 * kLanes; part += kLanes) {
      store(a.y + i + part, fma(load_u8(a.x + i + part), load(pattern[0] + part), load(pattern[1] + part)));
    }
  }
  for (; i < n; ++i) a.y[i] = static_cast<float>(a.x[i]) * a.scale[i % 3] + a.shift[i % 3];
}

}  // namespace
}  // namespace motorium::kernels
