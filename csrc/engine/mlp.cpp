#include "engine/mlp.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {

using kernels::Activation;

Mlp::Mlp(const std::string& here, std::size_t width, std::size_t inner, float eps, Loader& loader)
    : table_(loader.table()), width_(width), inner_(inner), eps_(eps) {
  norm_ = loader.copy(here + "norm2.weight", {width});
  gate_up_ = loader.gated(loader.raw(here + "gate.weight", {inner, width}),
                          loader.raw(here + "up.weight", {inner, width}), inner, width);
  down_ = loader.linear(here + "down", width, inner, false);
}

void Mlp::run(const Rows& x, float* normed, float* hidden) const noexcept {
  table_.f32_normalise_rms({x.data, x.stride, normed, width_, x.count, 1, width_, norm_, eps_});
  multiply(table_, gate_up_, {normed, width_, x.count}, {hidden, inner_, x.count}, Activation::silu_gate);
  multiply(table_, down_, {hidden, inner_, x.count}, x, Activation::none, true);
}

RoutedMlp::RoutedMlp(const std::string& here, const Sizes& sizes, std::size_t most_rows, Loader& loader)
    : table_(loader.table()), sizes_(sizes), most_rows_(most_rows) {
  const auto [width, inner, experts, top_k, eps] = sizes;
  norm_ = loader.copy(here + "norm2.weight", {width});
  router_ = loader.linear(here + "router", experts, width, false);
  const float* gate = loader.raw(here + "experts.gate.weight", {experts, inner, width});
  const float* up = loader.raw(here + "experts.up.weight", {experts, inner, width});
  const float* down = loader.raw(here + "experts.down.weight", {experts, width, inner});
  for (std::size_t e = 0; e < experts; ++e) {
    const std::size_t at = e * inner * width;
    gate_up_.push_back(loader.gated(gate + at, up + at, inner, width));
    down_.push_back(loader.packed(down + at, nullptr, width, inner));
  }
  Arena& arena = loader.arena();
  logits_ = arena.floats(most_rows * experts);
  rows_ = arena.indices(most_rows * experts);
  weights_ = arena.floats(most_rows * experts);
  counts_ = arena.indices(experts);
}

void RoutedMlp::route(std::size_t rows) noexcept {
  std::fill(counts_, counts_ + sizes_.experts, 0u);
  for (std::size_t row = 0; row < rows; ++row) {
    float* logits = logits_ + row * sizes_.experts;
    const float top = *std::max_element(logits, logits + sizes_.experts);
    std::size_t chosen[64];  // NanoConfig::check() bounds the experts
    float shares[64];
    float total = 0.0f;
    for (std::size_t k = 0; k < sizes_.top_k; ++k) {
      chosen[k] = static_cast<std::size_t>(std::max_element(logits, logits + sizes_.experts) - logits);
      shares[k] = std::exp(logits[chosen[k]] - top);
      total += shares[k];
      logits[chosen[k]] = -INFINITY;
    }
    for (std::size_t k = 0; k < sizes_.top_k; ++k) {
      const std::size_t at = chosen[k] * most_rows_ + counts_[chosen[k]]++;
      rows_[at] = static_cast<std::uint32_t>(row);
      weights_[at] = shares[k] / total;
    }
  }
}

void RoutedMlp::run(const Rows& x, float* normed, float* hidden) noexcept {
  const auto [width, inner, experts, top_k, eps] = sizes_;
  table_.f32_normalise_rms({x.data, x.stride, normed, width, x.count, 1, width, norm_, eps});
  multiply(table_, router_, {normed, width, x.count}, {logits_, experts, x.count});
  route(x.count);
  for (std::size_t e = 0; e < experts; ++e) {
    const std::uint32_t* rows = rows_ + e * most_rows_;
    table_.f32_multiply_rows({normed, width, counts_[e], gate_up_[e].packed, inner, width, nullptr, hidden,
                              inner, Activation::silu_gate, false, rows, nullptr, nullptr});
    table_.f32_multiply_rows({hidden, inner, counts_[e], down_[e].packed, width, inner, nullptr, x.data,
                              x.stride, Activation::none, true, nullptr, rows, weights_ + e * most_rows_});
  }
}

}  // namespace motorium
