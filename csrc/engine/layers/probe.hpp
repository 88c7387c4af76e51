#pragma once

#include <cstddef>

#include "engine/cpu/loader.hpp"

namespace motorium {

/// Observes intermediate values, for parity checks against other implementations. May allocate, so the
/// control path never runs with a probe.
class Probe {
 public:
  virtual ~Probe() = default;
  /// `stream` and `what` name the value; `index` is the layer or the step; `rows` holds its rows.
  virtual void see(const char* stream, const char* what, std::size_t index, const ConstRows& rows,
                   std::size_t width) noexcept = 0;
};

}  // namespace motorium
