#pragma once

#include "kernels/f32_multiply_rows.inl.hpp"

/// Convolution as a matrix product over patches, a block of output pixels at a time so that patches stay in
/// cache.

namespace motorium::kernels {
namespace {

/// Gathers the (kernel, kernel, channels) patch of output pixel (row, column), zeros outside the image.
inline void gather_patch(const ConvolveImage& a, std::size_t row, std::size_t column, float* patch) {
  const std::size_t stretch = a.kernel * a.channels;
  for (std::size_t ky = 0; ky < a.kernel; ++ky, patch += stretch) {
    const std::size_t y = row * a.stride + ky;  // in the padded image
    if (y < a.padding || y >= a.height + a.padding) {
      __builtin_memset(patch, 0, stretch * sizeof(float));
      continue;
    }
    const std::size_t left = column * a.stride;
    const std::size_t skip = left < a.padding ? a.padding - left : 0;
    const std::size_t end = a.width + a.padding - left < a.kernel ? a.width + a.padding - left : a.kernel;
    const float* source = a.x + ((y - a.padding) * a.width + left + skip - a.padding) * a.channels;
    __builtin_memset(patch, 0, skip * a.channels * sizeof(float));
    __builtin_memcpy(patch + skip * a.channels, source, (end - skip) * a.channels * sizeof(float));
    __builtin_memset(patch + end * a.channels, 0, (a.kernel - end) * a.channels * sizeof(float));
  }
}

void f32_convolve_image(const ConvolveImage& a) noexcept {
  const std::size_t out_height = (a.height + 2 * a.padding - a.kernel) / a.stride + 1;
  const std::size_t out_width = (a.width + 2 * a.padding - a.kernel) / a.stride + 1;
  const std::size_t k = a.kernel * a.kernel * a.channels;
  const std::size_t pixels = out_height * out_width;
  for (std::size_t first = 0; first < pixels; first += kConvolveRows) {
    const std::size_t count = pixels - first < kConvolveRows ? pixels - first : kConvolveRows;
    for (std::size_t i = 0; i < count; ++i) {
      gather_patch(a, (first + i) / out_width, (first + i) % out_width, a.scratch + i * k);
    }
    f32_multiply_rows({a.scratch, k, count, a.packed, a.out_channels, k, a.packed_bias,
                       a.y + first * a.out_channels, a.out_channels, Activation::none, false, nullptr,
                       nullptr, nullptr});
  }
}

}  // namespace
}  // namespace motorium::kernels
