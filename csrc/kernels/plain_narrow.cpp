// Twins in plain loops: attention over a cache of 16-bit integers.
#include <cmath>

#include "kernels/plain.hpp"

namespace motorium::kernels::plain {
namespace {

/// The values of x in steps of peak / levels, and that step.
struct Steps {
  Steps(const float* x, std::size_t n, float levels) : x_(x) {
    float peak = 0.0f;
    for (std::size_t i = 0; i < n; ++i)
      peak = std::isfinite(x[i]) && !std::isnan(peak) ? std::fmax(peak, std::fabs(x[i])) : NAN;
    step = peak / levels;
    factor_ = peak > 1e-30f ? levels / peak : 0.0f;
  }
  std::int16_t at(std::size_t i) const {
    return factor_ > 0.0f ? static_cast<std::int16_t>(std::nearbyint(x_[i] * factor_)) : std::int16_t{0};
  }
  float step;

 private:
  const float* x_;
  float factor_;
};

std::size_t key_at(const KeyValues& cache, std::size_t head, std::size_t key, std::size_t d) {
  return (head * round_up(cache.capacity, kPanel) + key / kPanel * kPanel) * cache.head_dim + d * kPanel +
         key % kPanel;
}

std::size_t value_at(const KeyValues& cache, std::size_t head, std::size_t key, std::size_t d) {
  const std::size_t panels = round_up(cache.head_dim, kPanel) / kPanel;
  return ((head * panels + d / kPanel) * cache.capacity + key) * kPanel + d % kPanel;
}

bool sees(const AttendRows& a, std::size_t row, std::size_t key) {
  if (a.visible == nullptr) return key < a.visible_first + row * a.visible_step;
  const VisibleKeys& v = a.visible[row];
  return key < v.gap_first || (key >= v.gap_last && key < v.last);
}

void attend(const AttendRows& a, std::size_t row, std::size_t head) {
  const KeyValues& cache = a.cache;
  const std::size_t kv_head = head / (a.heads / cache.kv_heads), dim = cache.head_dim;
  const std::size_t scales = kv_head * round_up(cache.capacity, kPanel);
  const Steps q(a.q + row * a.q_stride + head * dim, dim, narrow_levels(dim));
  float top = -INFINITY, total = 0.0f, shares = 0.0f;
  float* score = a.scratch;
  for (std::size_t key = 0; key < cache.capacity; ++key) {
    if (!sees(a, row, key)) continue;
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < dim; ++d)
      sum += std::int64_t{q.at(d)} * cache.narrow.keys[key_at(cache, kv_head, key, d)];
    score[key] = static_cast<float>(sum) * cache.narrow.key_scale[scales + key] * q.step /
                 std::sqrt(static_cast<float>(dim));
    top = std::fmax(top, score[key]);
  }
  for (std::size_t key = 0; key < cache.capacity; ++key) {
    if (!sees(a, row, key)) continue;
    score[key] = std::exp(score[key] - top);
    total += score[key];
    score[key] *= cache.narrow.value_scale[scales + key];
    shares += score[key];
  }
  for (std::size_t d = 0; d < dim; ++d) {
    std::int64_t sum = 0;
    for (std::size_t key = 0; key < cache.capacity && shares > 1e-30f; ++key) {
      if (!sees(a, row, key)) continue;
      const auto share = static_cast<std::int64_t>(std::nearbyint(score[key] * (32767.0f / shares)));
      sum += share * cache.narrow.values[value_at(cache, kv_head, key, d)];
    }
    a.y[row * a.y_stride + head * dim + d] = static_cast<float>(sum) * (shares / 32767.0f) / total;
  }
}

}  // namespace

void i16_store_keys(const StoreKeys& a) noexcept {
  const KeyValues& cache = a.cache;
  for (std::size_t i = 0; i < a.count; ++i) {
    for (std::size_t head = 0; head < cache.kv_heads; ++head) {
      const std::size_t from = i * a.stride + head * cache.head_dim, key = a.first + i;
      const std::size_t scale = head * round_up(cache.capacity, kPanel) + key;
      const Steps k(a.k + from, cache.head_dim, narrow_levels(cache.head_dim));
      const Steps v(a.v + from, cache.head_dim, 32767.0f);
      cache.narrow.key_scale[scale] = k.step;
      cache.narrow.value_scale[scale] = v.step;
      for (std::size_t d = 0; d < cache.head_dim; ++d) {
        cache.narrow.keys[key_at(cache, head, key, d)] = k.at(d);
        cache.narrow.values[value_at(cache, head, key, d)] = v.at(d);
      }
    }
  }
}

void i16_attend_rows(const AttendRows& a) noexcept {
  const std::size_t last = a.last_head > 0 ? a.last_head : a.heads;
  for (std::size_t row = 0; row < a.rows; ++row)
    for (std::size_t head = a.first_head; head < last; ++head) attend(a, row, head);
}

}  // namespace motorium::kernels::plain
