#pragma once

#include "kernels/f32_add_scaled.inl.hpp"

/// One Euler step of the flow with the prefix lock fused in.

namespace motorium::kernels {
namespace {

void f32_step_euler(const StepEuler& a) noexcept {
  const std::size_t locked = a.locked_rows * a.width;
  const std::size_t rest = a.rows * a.width - locked;
  if (locked != 0) __builtin_memcpy(a.x, a.locked, locked * sizeof(float));
  f32_add_scaled({a.x + locked, a.v + locked, a.x + locked, rest, a.dt});
}

}  // namespace
}  // namespace motorium::kernels
