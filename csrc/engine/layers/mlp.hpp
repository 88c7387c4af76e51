#pragma once

#include <vector>

#include "engine/cpu/loader.hpp"
#include "engine/layers/block_config.hpp"

namespace motorium {

/// Computes out (+)= down(activation(gate x) * up x), or fc2(activation(fc1 x)) for an activation without a
/// gate.
class Mlp {
 public:
  Mlp(const std::string& here, const BlockConfig& config, Loader& loader);

  /// hidden: rows * config.mlp floats. `make`, if given, computes the rows of x.
  void run(const ConstRows& x, float* hidden, const Rows& out, bool accumulate,
           const RowMaker& make = {}) const noexcept;

 private:
  const kernels::KernelTable& table_;
  kernels::Activation activation_;
  Linear in_, out_;
};

/// Mixture-of-Flow: every row passes through its top_k of several Mlps, weighted by the softmax of their
/// logits. Reads only the weights of chosen experts. Equal logits: the lower index wins.
class RoutedMlp {
 public:
  struct Sizes {
    std::size_t width, inner, experts, top_k;
  };
  static constexpr std::size_t kMaxExperts = 64;
  RoutedMlp(const std::string& here, const Sizes& sizes, std::size_t most_rows, Loader& loader);

  /// out += result. hidden: rows * inner floats. `make`, if given, computes the rows of x.
  void run(const ConstRows& x, float* hidden, const Rows& out, const RowMaker& make = {}) noexcept;

 private:
  void route(std::size_t rows) noexcept;

  const kernels::KernelTable& table_;
  Sizes sizes_;
  std::size_t most_rows_;
  Linear router_;
  std::vector<Linear> gate_up_, down_;
  float* logits_;        // (rows, experts)
  std::uint32_t* rows_;  // (experts, rows): rows that chose an expert
  float* weights_;       // (experts, rows): their weights
  std::uint32_t* counts_;
};

}  // namespace motorium
