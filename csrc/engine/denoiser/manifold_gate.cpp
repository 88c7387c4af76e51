#include "engine/denoiser/manifold_gate.hpp"

#include <algorithm>
#include <cmath>

#include "engine/layers/norm.hpp"

namespace motorium {

ManifoldGate::ManifoldGate(const DenoiserConfig& config, Loader& loader)
    : table_(loader.table()), gate_(config.gate), rows_(config.rows), width_(config.block.width) {
  const std::size_t h = gate_.width;
  to_observation_ = loader.exact("gate.to_observation", h, width_, true);
  to_action_ = loader.exact("gate.to_action", width_, h, true);
  observation_ = loader.exact("gate.observation", h, h, true);
  action_ = loader.exact("gate.action", h, width_, true);
  enhance_ = loader.exact("gate.enhance", h, h, true);
  Arena& arena = loader.arena();
  suffix_ = arena.floats((rows_ + 1) * h);
  projected_ = arena.floats((rows_ + 1) * h);
  normed_ = arena.floats((rows_ + 1) * h);
  centre_ = arena.floats(h);
}

void ManifoldGate::remember(float* tokens) noexcept {
  const std::size_t h = gate_.width;
  multiply(table_, action_, {tokens, width_, rows_}, {normed_, h, rows_});
  table_.f32_normalise_layer({normed_, h, normed_, h, rows_, h, nullptr, nullptr, kLayerNormEps});
  std::fill_n(centre_, h, 0.0f);
  const float fraction = 1.0f / static_cast<float>(rows_);
  for (std::size_t row = 0; row < rows_; ++row)
    table_.f32_add_scaled({centre_, normed_ + row * h, centre_, h, fraction});
}

/// The reference sorts both projections before subtracting them; against a constant that makes no difference.
float ManifoldGate::distance(const float* directions) noexcept {
  const std::size_t h = gate_.width;
  const std::size_t n = rows_ + 1;
  double total = 0.0;
  for (std::size_t row = 0; row < n; ++row) {
    float* difference = normed_ + row * h;
    table_.f32_add_scaled({difference, centre_, difference, h, -1.0f});
    if (directions == nullptr) {
      for (std::size_t i = 0; i < h; ++i) total += static_cast<double>(difference[i]) * difference[i];
      continue;
    }
    for (std::size_t d = 0; d < gate_.directions; ++d) {
      double along = 0.0;
      for (std::size_t i = 0; i < h; ++i) along += static_cast<double>(difference[i]) * directions[d * h + i];
      total += along * along;
    }
  }
  const std::size_t count = n * (directions == nullptr ? h : gate_.directions);
  return static_cast<float>(total / static_cast<double>(count));
}

float ManifoldGate::run(float* tokens, const float* directions, std::size_t call, Probe* probe) noexcept {
  const std::size_t h = gate_.width;
  const std::size_t n = rows_ + 1;
  const Rows suffix{suffix_, h, n}, projected{projected_, h, n};
  std::fill_n(suffix_, h, 0.0f);  // the state's row, which the reference leaves empty
  multiply(table_, to_observation_, {tokens, width_, rows_}, {suffix_ + h, h, rows_});
  if (probe != nullptr) probe->see("gate", "suffix_in", call, suffix, h);
  multiply(table_, observation_, suffix, projected);
  table_.f32_normalise_layer({projected_, h, normed_, h, n, h, nullptr, nullptr, kLayerNormEps});
  float d = distance(directions);
  float g = std::exp(-d / gate_.temperature);
  if (gate_.strength == 0.0f) g = 1.0f;

  // strength * W_e(g o) + suffix, with the bias of W_e scaled as the reference scales it.
  for (std::size_t i = 0; i < n * h; ++i) projected_[i] *= g;
  multiply(table_, enhance_, projected, {normed_, h, n});
  table_.f32_add_scaled({suffix_, normed_, suffix_, n * h, gate_.strength});
  multiply(table_, to_action_, {suffix_ + h, h, rows_}, {tokens, width_, rows_});
  if (probe != nullptr) {
    probe->see("gate", "distance", call, {&d, 1, 1}, 1);
    probe->see("gate", "gate", call, {&g, 1, 1}, 1);
    probe->see("gate", "suffix_out", call, suffix, h);
    probe->see("gate", "embed", call, {tokens, width_, rows_}, width_);
  }
  return g;
}

}  // namespace motorium
