#pragma once

#include "kernels/i8_quantise_rows.inl.hpp"

/// Append keys and values to a cache of 16-bit integers.

namespace motorium::kernels {
namespace {

/// Computes y[i * step] = round(x[i] * levels / peak); returns peak / levels, NaN where x is not finite.
inline float narrow_row(const float* x, std::size_t n, float levels, std::int16_t* y, std::size_t step) {
  const float peak = peak_of(x, n);
  const bool usable = peak > 1e-30f;
  const float factor = usable ? levels / peak : 0.0f;
  for (std::size_t i = 0; i < n; ++i)
    y[i * step] = usable ? static_cast<std::int16_t>(__builtin_rintf(x[i] * factor)) : std::int16_t{0};
  return peak / levels;
}

void i16_store_keys(const StoreKeys& a) noexcept {
  constexpr std::size_t group = Int16Dot::group;
  const KeyValues& cache = a.cache;
  const std::size_t dim = cache.head_dim, width = round_up(cache.capacity, kPanel);
  const std::size_t dims = round_up(dim, group), keys = round_up(cache.capacity, group);
  std::int16_t row[kMaxHeadDim];
  for (std::size_t i = 0; i < a.count; ++i) {
    const std::size_t key = a.first + i;
    for (std::size_t head = 0; head < cache.kv_heads; ++head) {
      const float* from = a.k + i * a.stride + head * dim;
      cache.narrow.key_scale[head * width + key] = narrow_row(from, dim, narrow_levels(dim), row, 1);
      std::int16_t* to = cache.narrow.keys + (head * width + key / kPanel * kPanel) * dims;
      for (std::size_t d = 0; d < dims; ++d)
        to[(d / group * kPanel + key % kPanel) * group + d % group] = d < dim ? row[d] : std::int16_t{0};
      from = a.v + i * a.stride + head * dim;
      cache.narrow.value_scale[head * width + key] = narrow_row(from, dim, 32767.0f, row, 1);
      to = cache.narrow.values + head * round_up(dim, kPanel) * keys;
      for (std::size_t d = 0; d < dim; ++d)
        to[(d / kPanel * keys + key / group * group) * kPanel + d % kPanel * group + key % group] = row[d];
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
