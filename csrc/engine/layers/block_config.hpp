#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/args.hpp"

namespace motorium {

enum class Norm : std::uint8_t { rms, layer };

/// Where the norms of a block sit.
enum class NormOrder : std::uint8_t {
  before,    ///< x += f(norm(x))
  after,     ///< x = norm(x + f(x)), as in BART
  sandwich,  ///< x = norm'(x + f(norm(x))), as in Xiaomi-Robotics-0
};

/// One transformer block, with all options in which the families differ.
struct BlockConfig {
  std::size_t width = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::size_t mlp = 0;  ///< inner width
  kernels::Activation activation = kernels::Activation::silu_gate;
  Norm norm = Norm::rms;
  NormOrder order = NormOrder::before;
  bool adaptive = false;  ///< time scales, shifts and gates norms and residuals
  bool qk_norm = false;   ///< RMS norm of queries and keys per head
  bool qkv_bias = false, out_bias = false, mlp_bias = false;
  bool layer_scale = false;  ///< a learnt factor per channel on the output of a branch
  float eps = 1e-6f;

  std::size_t query_width() const noexcept { return heads * head_dim; }
  std::size_t key_width() const noexcept { return kv_heads * head_dim; }
  std::size_t projected_width() const noexcept { return query_width() + 2 * key_width(); }
};

}  // namespace motorium
