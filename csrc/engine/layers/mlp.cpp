#include "engine/layers/mlp.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {

using kernels::Activation;

Mlp::Mlp(const std::string& here, const BlockConfig& config, Loader& loader)
    : table_(loader.table()), activation_(config.activation) {
  const std::size_t width = config.width;
  const std::size_t inner = config.mlp;
  const bool gated = kernels::is_gated(activation_);
  const std::string down = here + (gated ? "down" : "fc2");
  in_ = gated ? loader.gated(loader.raw(here + "gate.weight", {inner, width}),
                             loader.raw(here + "up.weight", {inner, width}), inner, width)
              : loader.linear(here + "fc1", inner, width, config.mlp_bias);
  out_ = config.layer_scale ? loader.scaled(down, width, inner, config.mlp_bias, here + "ls2")
                            : loader.linear(down, width, inner, config.mlp_bias && !gated);
}

void Mlp::run(const ConstRows& x, float* hidden, const Rows& out, bool accumulate,
              const RowMaker& make) const noexcept {
  Finish activate;
  activate.activation = activation_;
  multiply_rows(table_, in_, x, {hidden, in_.n, x.count}, activate, make);
  multiply(table_, out_, {hidden, in_.n, x.count}, out, Activation::none, accumulate);
}

RoutedMlp::RoutedMlp(const std::string& here, const Sizes& sizes, std::size_t most_rows, Loader& loader)
    : table_(loader.table()), sizes_(sizes), most_rows_(most_rows) {
  const auto [width, inner, experts, top_k] = sizes;
  router_ = loader.exact(here + "router", experts, width, false);
  const float* gate = loader.raw(here + "experts.gate.weight", {experts, inner, width});
  const float* up = loader.raw(here + "experts.up.weight", {experts, inner, width});
  const float* down = loader.raw(here + "experts.down.weight", {experts, width, inner});
  for (std::size_t e = 0; e < experts; ++e) {
    const std::size_t at = e * inner * width;
    gate_up_.push_back(loader.gated(gate + at, up + at, inner, width));
    down_.push_back(loader.packed(down + at, nullptr, width, inner, loader.precision()));
  }
  Arena& arena = loader.arena();
  logits_ = arena.floats(most_rows * experts);
  rows_ = arena.indices(most_rows * experts);
  weights_ = arena.floats(most_rows * experts);
  counts_ = arena.indices(experts);
}

/// Returns the first of the largest logits that are not taken, and always one of them, even when all are
/// infinite or NaN: an expert's list has no room for a row that comes twice.
static std::size_t best_of(const float* logits, std::size_t experts, const bool* taken) noexcept {
  std::size_t best = experts;
  for (std::size_t e = 0; e < experts; ++e)
    if (!taken[e] && (best == experts || logits[e] > logits[best])) best = e;
  return best;
}

void RoutedMlp::route(std::size_t rows) noexcept {
  std::fill(counts_, counts_ + sizes_.experts, 0u);
  for (std::size_t row = 0; row < rows; ++row) {
    float* logits = logits_ + row * sizes_.experts;
    std::size_t chosen[kMaxExperts];
    float weights[kMaxExperts];
    bool taken[kMaxExperts] = {};
    float total = 0.0f;
    for (std::size_t k = 0; k < sizes_.top_k; ++k) {
      chosen[k] = best_of(logits, sizes_.experts, taken);
      taken[chosen[k]] = true;
      weights[k] = std::exp(logits[chosen[k]] - logits[chosen[0]]);
      total += weights[k];
    }
    for (std::size_t k = 0; k < sizes_.top_k; ++k) {
      const std::size_t at = chosen[k] * most_rows_ + counts_[chosen[k]]++;
      rows_[at] = static_cast<std::uint32_t>(row);
      weights_[at] = weights[k] / total;
    }
  }
}

void RoutedMlp::run(const ConstRows& x, float* hidden, const Rows& out, const RowMaker& make) noexcept {
  const auto [width, inner, experts, top_k] = sizes_;
  multiply_rows(table_, router_, x, {logits_, experts, x.count}, {}, make);
  route(x.count);
  for (std::size_t e = 0; e < experts; ++e) {
    const std::uint32_t* rows = rows_ + e * most_rows_;
    const Rows chosen{hidden, inner, counts_[e]};
    multiply_rows(table_, gate_up_[e], {x.data, x.stride, counts_[e]}, chosen,
                  {Activation::silu_gate, false, rows, nullptr, nullptr});
    multiply_rows(table_, down_[e], chosen, out,
                  {Activation::none, true, nullptr, rows, weights_ + e * most_rows_});
  }
}

}  // namespace motorium
