#pragma once

#include "kernels/f32_softmax_rows.inl.hpp"
#include "kernels/f32_tile.inl.hpp"

/// Attention over cached keys and values: scores and the weighted sum of values are tile products.

namespace motorium::kernels {
namespace {

inline VisibleKeys visible_keys(const AttendRows& a, std::size_t row) {
  if (a.visible != nullptr) return a.visible[row];
  const auto last = static_cast<std::uint32_t>(a.visible_first + row * a.visible_step);
  return {last, last, last};
}

/// Computes scores = exp(scores - max) over the visible keys and 0 elsewhere below `keys`; returns 1 / sum.
inline float weigh_scores(float* scores, VisibleKeys visible, std::size_t keys) {
  for (std::size_t i = visible.gap_first; i < visible.gap_last; ++i) scores[i] = -3e38f;
  const float inverse = exponentiate(scores, scores, visible.last);
  for (std::size_t i = visible.gap_first; i < visible.gap_last; ++i) scores[i] = 0.0f;
  for (std::size_t i = visible.last; i < keys; ++i) scores[i] = 0.0f;
  return inverse;
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
    const float* rows[R];
    VisibleKeys visible[R];
    std::size_t keys = 0;
    for (int r = 0; r < R; ++r) {
      const std::size_t row = first + static_cast<std::size_t>(r);
      rows[r] = a.q + row * a.q_stride + head * cache.head_dim;
      visible[r] = visible_keys(a, row);
      keys = visible[r].last > keys ? visible[r].last : keys;
    }
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
      inverse[r] = weigh_scores(scores, visible[r], keys);
      rows[r] = scores;
    }
    weigh_values<R>(rows, inverse, kv_head, first, keys);
  }

  template <int R>
  void weigh_values(const float* const* rows, const float* inverse, std::size_t kv_head, std::size_t first,
                    std::size_t keys) const {
    const KeyValues& cache = a.cache;
    for (std::size_t d = 0; d < cache.head_dim; d += kPanel) {
      const float* values = cache.values + (kv_head * padded + d) * cache.capacity;
      const Tile<R> tile = multiply_tile<R>(rows, values, kPanel, keys);
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
  const std::size_t last = a.last_head > 0 ? a.last_head : a.heads;
  for (std::size_t head = a.first_head; head < last; ++head) {
    const AttendHead work{a, head, round_up(a.cache.capacity, kPanel) / kPanel,
                          round_up(a.cache.head_dim, kPanel), scale};
    for_tiles(work, a.rows);
  }
}

}  // namespace
}  // namespace motorium::kernels
