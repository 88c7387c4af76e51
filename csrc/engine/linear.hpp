#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/options.hpp"
#include "engine/workspace.hpp"

namespace motorium {

/// A matrix product with prepacked weights. `n` outputs of `k` inputs; bias may be null.
struct Linear {
  const void* packed = nullptr;
  const float* bias = nullptr;
  std::size_t n = 0, k = 0;
  Precision precision = Precision::float32;
  Workspace* workspace = nullptr;  ///< null: the caller's thread, float32 and bfloat16 without a dot product
};

/// Rows of floats somewhere in the arena.
struct Rows {
  float* data;
  std::size_t stride;
  std::size_t count;
};

/// What else a product can do than y = linear(x).
struct Finish {
  kernels::Activation activation = kernels::Activation::none;
  bool accumulate = false;                ///< y += ...
  const std::uint32_t* x_rows = nullptr;  ///< row i is read from row x_rows[i] of x; x.count counts i
  const std::uint32_t* y_rows = nullptr;  ///< row i is written to row y_rows[i] of y
  const float* row_scale = nullptr;       ///< what row i is multiplied with after the activation
};

/// The product in the precision of the weights, on the threads of the workspace. Each result is computed by
/// one thread in one order: it does not depend on their number.
void multiply_rows(const kernels::KernelTable& table, const Linear& linear, const Rows& x, const Rows& y,
                   const Finish& finish) noexcept;

/// y (+)= activation(linear(x)).
inline void multiply(const kernels::KernelTable& table, const Linear& linear, const Rows& x, const Rows& y,
                     kernels::Activation activation = kernels::Activation::none,
                     bool accumulate = false) noexcept {
  multiply_rows(table, linear, x, y, {activation, accumulate, nullptr, nullptr, nullptr});
}

}  // namespace motorium
