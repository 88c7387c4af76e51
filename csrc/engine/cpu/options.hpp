#pragma once

#include <cstddef>
#include <vector>

#include "kernels/args.hpp"

namespace motorium {

using kernels::Precision;

/// How to run an engine, whatever its network.
struct EngineOptions {
  Precision precision = Precision::float32;  ///< of the large weights
  std::size_t threads = 1;                   ///< including the caller's; a control loop shares the board
  std::vector<int> cpus = {};  ///< the other threads are pinned to these in turn; empty: not pinned
};

}  // namespace motorium
