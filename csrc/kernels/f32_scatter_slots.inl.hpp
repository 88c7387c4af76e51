#pragma once

/// Channels in the network's units -> chunk in raw slots, zeros on the slots without a channel.

namespace motorium::kernels {
namespace {

void f32_scatter_slots(const ConvertSlots& a) noexcept {
  __builtin_memset(a.chunk, 0, a.rows * a.slot_count * sizeof(float));
  for (std::size_t row = 0; row < a.rows; ++row) {
    float* chunk = a.chunk + row * a.slot_count;
    const std::size_t at = row * a.channels;
    for (std::size_t c = 0; c < a.channels; ++c) {
      const float scaled = a.x[at + c] * a.scale[at + c];
      chunk[a.slots[c]] = scaled + a.mean[at + c] + a.base[c];
    }
  }
}

}  // namespace
}  // namespace motorium::kernels
