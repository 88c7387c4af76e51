#pragma once

/// y = x + scale * z.

namespace motorium::kernels {
namespace {

void f32_add_scaled(const AddScaled& a) noexcept {
  const Vec scale = fill(a.scale);
  std::size_t i = 0;
  for (; i + kLanes <= a.n; i += kLanes) store(a.y + i, fma(load(a.z + i), scale, load(a.x + i)));
  if (i < a.n) {
    const std::size_t n = a.n - i;
    store_part(a.y + i, fma(load_part(a.z + i, n), scale, load_part(a.x + i, n)), n);
  }
}

}  // namespace
}  // namespace motorium::kernels
