#pragma once

/// Chunk in raw slots -> channels in the network's units.

namespace motorium::kernels {
namespace {

void f32_gather_slots(const ConvertSlots& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* chunk = a.chunk + row * a.slot_count;
    const std::size_t at = row * a.channels;
    for (std::size_t c = 0; c < a.channels; ++c)
      a.x[at + c] = (chunk[a.slots[c]] - a.base[c] - a.mean[at + c]) / a.scale[at + c];
  }
}

}  // namespace
}  // namespace motorium::kernels
