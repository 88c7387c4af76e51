#pragma once

#include <cstddef>
#include <vector>

#include "engine/cpu/options.hpp"
#include "kernels/table.hpp"

/// Measures this machine and the products on it, for benchmarks. All of it allocates.
namespace motorium {

/// Returns the highest rate of floating-point (or integer) operations of tile products with operands in the
/// nearest cache, two per multiply-add, over all threads: the best of many short runs within `seconds`.
double peak_flops(const kernels::KernelTable& table, Precision precision, std::size_t threads,
                  double seconds);

/// Returns the bytes read per second from a buffer of `bytes`, shared among the threads: the best of several
/// passes.
double stream_bytes_per_s(const kernels::KernelTable& table, std::size_t bytes, std::size_t threads);

/// One product as an engine does it, including the conversion of its rows.
struct ProductShape {
  std::size_t rows, n, k;
  bool gated;
  std::size_t copies;  ///< weights used in turn; enough of them do not stay in cache
};

struct ProductTimes {
  std::vector<double> seconds;  ///< per product, each the mean of one turn through the copies
  std::size_t weight_bytes;     ///< of one copy
};

/// Uses random weights, `repeats` times. Throws std::invalid_argument for a size of 0.
ProductTimes time_product(const kernels::KernelTable& table, const ProductShape& shape,
                          const EngineOptions& options, std::size_t repeats);

}  // namespace motorium
