#pragma once

/// Append keys and values to a layer's cache.

namespace motorium::kernels {
namespace {

void f32_store_keys(const StoreKeys& a) noexcept {
  const KeyValues& cache = a.cache;
  const std::size_t panels = round_up(cache.capacity, kPanel) / kPanel;
  const std::size_t padded = round_up(cache.head_dim, kPanel);
  for (std::size_t i = 0; i < a.count; ++i) {
    const std::size_t key = a.first + i;
    for (std::size_t head = 0; head < cache.kv_heads; ++head) {
      const float* k = a.k + i * a.stride + head * cache.head_dim;
      const float* v = a.v + i * a.stride + head * cache.head_dim;
      float* lane = cache.keys + (head * panels + key / kPanel) * cache.head_dim * kPanel + key % kPanel;
      for (std::size_t d = 0; d < cache.head_dim; ++d) lane[d * kPanel] = k[d];
      float* to = cache.values + (head * padded * cache.capacity + key * kPanel);
      for (std::size_t d = 0; d < cache.head_dim; d += kPanel, to += cache.capacity * kPanel) {
        const std::size_t part = cache.head_dim - d < kPanel ? cache.head_dim - d : kPanel;
        __builtin_memcpy(to, v + d, part * sizeof(float));
      }
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
