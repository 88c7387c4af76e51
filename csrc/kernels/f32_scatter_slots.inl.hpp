#pragma once

/// Channels in the network's units -> chunk in raw slots, zeros on the slots without a channel.

namespace motorium::kernels {
namespace {

void f32_scatter_slots(const ScatterSlots& a) noexcept {
  const SlotScale& by = a.by;
  __builtin_memset(a.chunk, 0, by.rows * by.slot_count * sizeof(float));
  for (std::size_t row = 0; row < by.rows; ++row) {
    float* chunk = a.chunk + row * by.slot_count;
    const std::size_t at = row * by.channels;
    for (std::size_t c = 0; c < by.channels; ++c) {
      const float scaled = a.x[at + c] * by.scale[at + c];
      chunk[by.slots[c]] = scaled + by.mean[at + c] + by.base[c];
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
