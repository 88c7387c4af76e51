#pragma once

#include "kernels/f32_add_scaled.inl.hpp"

/// One Euler step of the flow, with the committed rows restored in the same pass.

namespace motorium::kernels {
namespace {

void f32_step_euler(const StepEuler& a) noexcept {
  const std::size_t committed = a.committed_rows * a.width;
  const std::size_t rest = a.rows * a.width - committed;
  if (committed != 0) __builtin_memcpy(a.x, a.committed, committed * sizeof(float));
  f32_add_scaled({a.x + committed, a.v + committed, a.x + committed, rest, a.dt});
}

}  // namespace
}  // namespace motorium::kernels
