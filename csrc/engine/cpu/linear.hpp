#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/options.hpp"
#include "engine/cpu/workspace.hpp"

namespace motorium {

/// A matrix product with prepacked weights. `n` outputs of `k` inputs; bias may be null.
struct Linear {
  const void* packed = nullptr;
  const float* bias = nullptr;
  std::size_t n = 0, k = 0;
  Precision precision = Precision::float32;
  Workspace* workspace = nullptr;  ///< null: the caller's thread, float32 and bfloat16 without a dot product
};

/// Rows of floats in the arena.
struct Rows {
  float* data;
  std::size_t stride;
  std::size_t count;
};

/// Rows that are only read.
struct ConstRows {
  constexpr ConstRows(const float* from, std::size_t apart, std::size_t n) noexcept
      : data(from), stride(apart), count(n) {}
  constexpr ConstRows(const Rows& rows) noexcept : ConstRows(rows.data, rows.stride, rows.count) {}

  const float* data;
  std::size_t stride;
  std::size_t count;
};

/// Options of a product beyond y = linear(x).
struct Finish {
  kernels::Activation activation = kernels::Activation::none;
  bool accumulate = false;                ///< y += ...
  const std::uint32_t* x_rows = nullptr;  ///< row i is read from row x_rows[i] of x; x.count counts i
  const std::uint32_t* y_rows = nullptr;  ///< row i is written to row y_rows[i] of y
  const float* row_scale = nullptr;       ///< factor of row i after the activation
};

/// Computes rows first .. last - 1 of a product's input just before they are read. Several threads call it
/// for separate rows.
class RowMaker {
 public:
  RowMaker() = default;
  /// `make` must outlive this.
  template <typename Make>
  RowMaker(const Make& make) noexcept
      : call_([](const void* context, std::size_t first, std::size_t last) noexcept {
          (*static_cast<const Make*>(context))(first, last);
        }),
        context_(&make) {}

  explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(std::size_t first, std::size_t last) const noexcept { call_(context_, first, last); }

 private:
  void (*call_)(const void*, std::size_t, std::size_t) noexcept = nullptr;
  const void* context_ = nullptr;
};

/// Multiplies in the precision of the weights, on the threads of the workspace. One thread computes each
/// result in a fixed order, so it does not depend on their number. `make`, if given, computes the rows of x;
/// they are then numbered as in x, which is not gathered.
void multiply_rows(const kernels::KernelTable& table, const Linear& linear, const ConstRows& x, const Rows& y,
                   const Finish& finish, const RowMaker& make = {}) noexcept;

/// y (+)= activation(linear(x)).
inline void multiply(const kernels::KernelTable& table, const Linear& linear, const ConstRows& x,
                     const Rows& y, kernels::Activation activation = kernels::Activation::none,
                     bool accumulate = false) noexcept {
  multiply_rows(table, linear, x, y, {activation, accumulate, nullptr, nullptr, nullptr});
}

}  // namespace motorium
