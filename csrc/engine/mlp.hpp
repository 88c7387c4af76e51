#pragma once

#include <vector>

#include "engine/loader.hpp"

namespace motorium {

/// x += down(silu(gate n) * up n) with n = rms(x) * norm.
class Mlp {
 public:
  Mlp(const std::string& here, std::size_t width, std::size_t inner, float eps, Loader& loader);

  /// normed: rows * width floats; hidden: rows * inner floats.
  void run(const Rows& x, float* normed, float* hidden) const noexcept;

 private:
  const kernels::KernelTable& table_;
  std::size_t width_, inner_;
  float eps_;
  const float* norm_;
  Linear gate_up_, down_;
};

/// Mixture-of-Flow: every row passes through its top_k of several Mlps, weighted by the softmax of their
/// logits. Only the weights of chosen experts are read. Equal logits: the lower index is preferred.
class RoutedMlp {
 public:
  struct Sizes {
    std::size_t width, inner, experts, top_k;
    float eps;
  };
  RoutedMlp(const std::string& here, const Sizes& sizes, std::size_t most_rows, Loader& loader);

  void run(const Rows& x, float* normed, float* hidden) noexcept;

 private:
  void route(std::size_t rows) noexcept;

  const kernels::KernelTable& table_;
  Sizes sizes_;
  std::size_t most_rows_;
  const float* norm_;
  Linear router_;
  std::vector<Linear> gate_up_, down_;
  float* logits_;        // (rows, experts)
  std::uint32_t* rows_;  // (experts, rows): rows that chose an expert
  float* weights_;       // (experts, rows): their weights
  std::uint32_t* counts_;
};

}  // namespace motorium
