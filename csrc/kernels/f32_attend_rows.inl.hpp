#pragma once

#include "kernels/f32_apply_unary.inl.hpp"
#include "kernels/f32_tile.inl.hpp"

/// Softmax, key and value cache, attention. Scores and the weighted sum of values are tile products.

namespace motorium::kernels {
namespace {

/// y = exp(x - max x); returns 1 / sum.
inline float exponentiate(const float* x, float* y, std::size_t n) {
  std::size_t i = 0;
  Vec peak = fill(-__builtin_huge_valf());
  for (; i + kLanes <= n; i += kLanes) peak = larger(peak, load(x + i));
  float top = largest(peak);
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  const Vec shift = fill(top);
  Vec total = zero();
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Vec value = exp_of(sub(load(x + i), shift));
    total = add(total, value);
    store(y + i, value);
  }
  float result = sum(total);
  if (i < n) {
    float tail[kLanes];
    store(tail, exp_of(sub(load_part(x + i, n - i), shift)));
    for (std::size_t lane = 0; i < n; ++i, ++lane) {
      y[i] = tail[lane];
      result += tail[lane];
    }
  }
  return 1.0f / result;
}

void f32_softmax_rows(const SoftmaxRows& a) noexcept {
  if (a.width == 0) return;
  for (std::size_t row = 0; row < a.rows; ++row) {
    float* y = a.y + row * a.width;
    const float scale = exponentiate(a.x + row * a.width, y, a.width);
    for (std::size_t i = 0; i < a.width; ++i) y[i] *= scale;
  }
}

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
      __builtin_memcpy(cache.values + (key * cache.kv_heads + head) * padded, v,
                       cache.head_dim * sizeof(float));
    }
  }
}

struct AttendHead {
  const AttendRows& a;
  std::size_t head;
  std::size_t panels, padded;
  float scale;

  template <int R>
  void run(std::size_t first) const {
    const KeyValues& cache = a.cache;
    const std::size_t kv_head = head / (a.heads / cache.kv_heads);
    const std::size_t width = panels * kPanel;
    const std::size_t keys = a.visible_first + (first + R - 1) * a.visible_step;
    const float* rows[R];
    for (int r = 0; r < R; ++r)
      rows[r] = a.q + (first + static_cast<std::size_t>(r)) * a.q_stride + head * cache.head_dim;
    for (std::size_t panel = 0; panel * kPanel < keys; ++panel) {
      const float* packed = cache.keys + (kv_head * panels + panel) * cache.head_dim * kPanel;
      const Tile<R> tile = multiply_tile<R>(rows, packed, kPanel, cache.head_dim);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        float* scores = a.scratch + static_cast<std::size_t>(r) * width + panel * kPanel;
        store(scores, mul(tile.part[r][0], fill(scale)));
        store(scores + kLanes, mul(tile.part[r][1], fill(scale)));
      }
    }
    float inverse[R];
    for (int r = 0; r < R; ++r) {
      float* scores = a.scratch + static_cast<std::size_t>(r) * width;
      const std::size_t visible = a.visible_first + (first + static_cast<std::size_t>(r)) * a.visible_step;
      inverse[r] = exponentiate(scores, scores, visible);
      for (std::size_t i = visible; i < keys; ++i) scores[i] = 0.0f;
      rows[r] = scores;
    }
    weigh_values<R>(rows, inverse, kv_head, first, keys);
  }

  template <int R>
  void weigh_values(const float* const* rows, const float* inverse, std::size_t kv_head, std::size_t first,
                    std::size_t keys) const {
    const KeyValues& cache = a.cache;
    for (std::size_t d = 0; d < cache.head_dim; d += kPanel) {
      const Tile<R> tile =
          multiply_tile<R>(rows, cache.values + kv_head * padded + d, cache.kv_heads * padded, keys);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        float* y = a.y + (first + static_cast<std::size_t>(r)) * a.y_stride + head * cache.head_dim + d;
        const Vec norm = fill(inverse[r]);
        store_row(y, mul(tile.part[r][0], norm), mul(tile.part[r][1], norm), cache.head_dim - d);
      }
    }
  }
};

void f32_attend_rows(const AttendRows& a) noexcept {
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(a.cache.head_dim));
  for (std::size_t head = 0; head < a.heads; ++head) {
    const AttendHead work{a, head, round_up(a.cache.capacity, kPanel) / kPanel,
                          round_up(a.cache.head_dim, kPanel), scale};
    for_tiles(work, a.rows);
  }
}

}  // namespace
}  // namespace motorium::kernels
