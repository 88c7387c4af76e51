#pragma once

#include "kernels/f32_apply_unary.inl.hpp"

/// Group normalisation with channels last. Computes means first, then squared distances from them: a single
/// pass over x^2 would lose the variance of channels with a large mean.

namespace motorium::kernels {
namespace {

/// Computes sums[c] over pixels of x, or of (x - means[c])^2 when means is given.
inline void sum_channels(const NormaliseGroups& a, const float* means, float* sums) {
  for (std::size_t c = 0; c < a.channels; c += kLanes) {
    const std::size_t n = a.channels - c < kLanes ? a.channels - c : kLanes;
    const Vec mean = means != nullptr ? load_part(means + c, n) : zero();
    Vec total[2] = {zero(), zero()};
    for (std::size_t pixel = 0; pixel < a.pixels; ++pixel) {
      const float* p = a.x + pixel * a.channels + c;
      const Vec value = sub(n == kLanes ? load(p) : load_part(p, n), mean);
      Vec& lane = total[pixel & 1];
      lane = means != nullptr ? fma(value, value, lane) : add(value, lane);
    }
    store_part(sums + c, add(total[0], total[1]), n);
  }
}

/// Replaces each channel's value by the mean over its group of all pixels.
inline void average_groups(const NormaliseGroups& a, float* sums) {
  const std::size_t width = a.channels / a.groups;
  for (std::size_t group = 0; group < a.groups; ++group) {
    float total = 0.0f;
    for (std::size_t c = group * width; c < (group + 1) * width; ++c) total += sums[c];
    const float mean = total / (static_cast<float>(width) * static_cast<float>(a.pixels));
    for (std::size_t c = group * width; c < (group + 1) * width; ++c) sums[c] = mean;
  }
}

/// Turns (mean, variance) per channel into (factor, offset) of the whole affine map, including FiLM.
inline void fold_affine(const NormaliseGroups& a, float* mean, float* variance) {
  for (std::size_t c = 0; c < a.channels; ++c) {
    float factor = a.gamma[c] / __builtin_sqrtf(variance[c] + a.eps);
    float offset = a.beta[c] - mean[c] * factor;
    if (a.film_scale != nullptr) {
      factor *= 1.0f + a.film_scale[c];
      offset = offset * (1.0f + a.film_scale[c]) + a.film_shift[c];
    }
    mean[c] = factor;
    variance[c] = offset;
  }
}

inline Vec finish_group(const NormaliseGroups& a, Vec value, Vec residual) {
  if (a.silu) value = silu_of(value);
  return a.residual != nullptr ? add(value, residual) : value;
}

void f32_normalise_groups(const NormaliseGroups& a) noexcept {
  float* factor = a.scratch;
  float* offset = a.scratch + a.channels;
  sum_channels(a, nullptr, factor);
  average_groups(a, factor);
  sum_channels(a, factor, offset);
  average_groups(a, offset);
  fold_affine(a, factor, offset);
  for (std::size_t pixel = 0; pixel < a.pixels; ++pixel) {
    const std::size_t row = pixel * a.channels;
    for (std::size_t c = 0; c < a.channels; c += kLanes) {
      const std::size_t at = row + c;
      if (c + kLanes <= a.channels) {
        const Vec value = fma(load(a.x + at), load(factor + c), load(offset + c));
        store(a.y + at, finish_group(a, value, a.residual != nullptr ? load(a.residual + at) : zero()));
      } else {
        const std::size_t n = a.channels - c;
        const Vec value = fma(load_part(a.x + at, n), load_part(factor + c, n), load_part(offset + c, n));
        const Vec residual = a.residual != nullptr ? load_part(a.residual + at, n) : zero();
        store_part(a.y + at, finish_group(a, value, residual), n);
      }
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
