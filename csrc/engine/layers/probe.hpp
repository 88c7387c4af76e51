#pragma once

#include <cstddef>

#include "engine/cpu/loader.hpp"

namespace motorium {

/// Watches intermediate values, for parity checks against other implementations. May allocate: a run with a
/// probe is not a run of the control path.
class Probe {
 public:
  virtual ~Probe() = default;
  /// `stream` and `what` name the value; `index` is the layer or the step; rows.count rows of `width` floats.
  virtual void see(const char* stream, const char* what, std::size_t index, const ConstRows& rows,
                   std::size_t width) noexcept = 0;
};

}  // namespace motorium
