#pragma once

#include <cstddef>
#include <vector>

#include "engine/cpu/options.hpp"
#include "kernels/table.hpp"

/// What this machine can do and what the products make of it, for benchmarks. All of it allocates.
namespace motorium {

/// Most floating-point (or integer) operations per second of tile products whose operands stay in the nearest
/// cache, two per multiply-add, all threads together: the best of many short runs within `seconds`.
double peak_flops(const kernels::KernelTable& table, Precision precision, std::size_t threads,
                  double seconds);

/// Bytes read per second from a buffer of `bytes`, shared among the threads: the best of several passes.
double stream_bytes_per_s(const kernels::KernelTable& table, std::size_t bytes, std::size_t threads);

/// One product as an engine does it, conversion of its rows included.
struct ProductShape {
  std::size_t rows, n, k;
  bool gated;
  std::size_t copies;  ///< weights used in turn: enough of them do not stay in cache
};

struct ProductTimes {
  std::vector<double> seconds;  ///< per product, each the mean of one turn through the copies
  std::size_t weight_bytes;     ///< of one copy
};

/// Random weights, `repeats` turns. Throws std::invalid_argument on a size of 0.
ProductTimes time_product(const kernels::KernelTable& table, const ProductShape& shape,
                          const EngineOptions& options, std::size_t repeats);

}  // namespace motorium
