#pragma once

/// Chunk in raw slots -> channels in the network's units.

namespace motorium::kernels {
namespace {

void f32_gather_slots(const GatherSlots& a) noexcept {
  const SlotScale& by = a.by;
  for (std::size_t row = 0; row < by.rows; ++row) {
    const float* chunk = a.chunk + row * by.slot_count;
    const std::size_t at = row * by.channels;
    for (std::size_t c = 0; c < by.channels; ++c)
      a.x[at + c] = (chunk[by.slots[c]] - by.base[c] - by.mean[at + c]) / by.scale[at + c];
  }
}

}  // namespace
}  // namespace motorium::kernels
