#pragma once

#include <cstddef>
#include <vector>

#include "kernels/args.hpp"

namespace motorium {

using kernels::Precision;

/// How an engine is to be run, whatever network it holds.
struct EngineOptions {
  Precision precision = Precision::float32;  ///< of the large weights
  std::size_t threads = 1;                   ///< with the caller's; a control loop shares the board
  std::vector<int> cpus = {};                ///< the other threads are pinned to these in turn; empty: free
};

}  // namespace motorium
