#pragma once

#include "kernels/f32_attend_rows.inl.hpp"
#include "kernels/i16_store_keys.inl.hpp"

/// Attention in 16-bit integers, with twice as many products per instruction as float32: queries, and
/// probabilities times the scales of the values, are rounded like the cache; sums are exact.

namespace motorium::kernels {
namespace {

inline constexpr float kShares = 32767.0f;  // approximate sum of a row's rounded probabilities

/// Computes y = round(x * scale * 32767 / sum) up to `keys`, zeros to the end of the group; returns sum /
/// 32767, where sum is that of x * scale.
inline float narrow_shares(float* x, const float* scale, std::size_t keys, std::int16_t* y) {
  Vec total = zero();
  std::size_t i = 0;
  for (; i + kLanes <= keys; i += kLanes) {
    const Vec weighted = mul(load(x + i), load(scale + i));
    store(x + i, weighted);
    total = add(total, weighted);
  }
  float all = sum(total);
  for (; i < keys; ++i) all += x[i] *= scale[i];
  const bool usable = all > 1e-30f;
  const float factor = usable ? kShares / all : 0.0f;
  for (i = 0; i < keys; ++i)
    y[i] = usable ? static_cast<std::int16_t>(__builtin_rintf(x[i] * factor)) : std::int16_t{0};
  for (; i < round_up(keys, Int16Dot::group); ++i) y[i] = 0;
  return all / kShares;
}

struct AttendNarrowHead {
  const AttendRows& a;
  std::size_t head;
  float scale;

  template <int R>
  void run(std::size_t first) const {
    constexpr std::size_t group = Int16Dot::group;
    const KeyValues& cache = a.cache;
    const std::size_t dims = round_up(cache.head_dim, group);
    const std::size_t width = round_up(cache.capacity, kPanel);
    const std::size_t kv_head = head / (a.heads / cache.kv_heads);
    std::int16_t queries[R][kMaxHeadDim];
    const std::int16_t* rows[R];
    float factor[R];
    VisibleKeys visible[R];
    std::size_t keys = 0;
    for (int r = 0; r < R; ++r) {
      const std::size_t row = first + static_cast<std::size_t>(r);
      const float* q = a.q + row * a.q_stride + head * cache.head_dim;
      factor[r] = scale * narrow_row(q, cache.head_dim, narrow_levels(cache.head_dim), queries[r], 1);
      for (std::size_t d = cache.head_dim; d < dims; ++d) queries[r][d] = 0;
      rows[r] = queries[r];
      visible[r] = visible_keys(a, row);
      keys = visible[r].last > keys ? visible[r].last : keys;
    }
    const typename Int16Dot::Sum start[2] = {Int16Dot::none(), Int16Dot::none()};
    for (std::size_t key = 0; key < keys; key += kPanel) {
      const std::int16_t* panel = cache.narrow.keys + (kv_head * width + key) * dims;
      const auto tile = dot_tile<Int16Dot, R>(rows, start, panel, dims / group, NothingAhead{});
      const float* key_scale = cache.narrow.key_scale + kv_head * width + key;
      const Vec low = load(key_scale), high = load(key_scale + kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        float* scores = a.scratch + static_cast<std::size_t>(r) * width + key;
        store(scores, mul(mul(Int16Dot::to_float(tile.part[r][0]), low), fill(factor[r])));
        store(scores + kLanes, mul(mul(Int16Dot::to_float(tile.part[r][1]), high), fill(factor[r])));
      }
    }
    auto* shares = reinterpret_cast<std::int16_t*>(a.scratch + kMaxTileRows * width);
    for (int r = 0; r < R; ++r) {
      float* scores = a.scratch + static_cast<std::size_t>(r) * width;
      std::int16_t* row = shares + static_cast<std::size_t>(r) * width;
      factor[r] = weigh_scores(scores, visible[r], keys);
      factor[r] *= narrow_shares(scores, cache.narrow.value_scale + kv_head * width, keys, row);
      rows[r] = row;
    }
    weigh_values<R>(rows, factor, kv_head, first, keys);
  }

  template <int R>
  void weigh_values(const std::int16_t* const* rows, const float* factor, std::size_t kv_head,
                    std::size_t first, std::size_t keys) const {
    constexpr std::size_t group = Int16Dot::group;
    const KeyValues& cache = a.cache;
    const std::size_t capacity = round_up(cache.capacity, group), dim = cache.head_dim;
    const typename Int16Dot::Sum start[2] = {Int16Dot::none(), Int16Dot::none()};
    for (std::size_t d = 0; d < dim; d += kPanel) {
      const std::int16_t* values = cache.narrow.values + (kv_head * round_up(dim, kPanel) + d) * capacity;
      const auto tile =
          dot_tile<Int16Dot, R>(rows, start, values, round_up(keys, group) / group, NothingAhead{});
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        float* y = a.y + (first + static_cast<std::size_t>(r)) * a.y_stride + head * dim + d;
        const Vec norm = fill(factor[r]);
        store_row(y, mul(Int16Dot::to_float(tile.part[r][0]), norm),
                  mul(Int16Dot::to_float(tile.part[r][1]), norm), dim - d);
      }
    }
  }
};

void i16_attend_rows(const AttendRows& a) noexcept {
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(a.cache.head_dim));
  const std::size_t last = a.last_head > 0 ? a.last_head : a.heads;
  for (std::size_t head = a.first_head; head < last; ++head)
    for_tiles(AttendNarrowHead{a, head, scale}, a.rows);
}

}  // namespace
}  // namespace motorium::kernels
