#include "robot/slot_map.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace motorium {

SlotMap::SlotMap(std::vector<std::uint32_t> slots, std::vector<float> scale, std::vector<float> offset)
    : slots_(std::move(slots)), scale_(std::move(scale)), offset_(std::move(offset)) {
  if (slots_.empty() || slots_.size() != scale_.size() || slots_.size() != offset_.size())
    throw std::invalid_argument("slots, scale and offset must have one equal, non-zero length");
  std::vector<bool> seen(kSlots, false);
  for (std::size_t j = 0; j < slots_.size(); ++j) {
    if (slots_[j] >= kSlots)
      throw std::invalid_argument("slot " + std::to_string(slots_[j]) + " is outside 0..199");
    if (seen[slots_[j]])
      throw std::invalid_argument("slot " + std::to_string(slots_[j]) + " is mapped twice");
    if (!std::isfinite(scale_[j]) || !std::isfinite(offset_[j]) || scale_[j] == 0.0f)
      throw std::invalid_argument("scale must be finite and non-zero, offset finite");
    seen[slots_[j]] = true;
  }
}

void SlotMap::scatter(std::span<const float> joint_rad, std::span<float> slots_out) const noexcept {
  scatter_rows(joint_rad, 1, slots_out);
}

void SlotMap::gather(std::span<const float> slots_in, std::span<float> joint_rad) const noexcept {
  gather_rows(slots_in, 1, joint_rad);
}

void SlotMap::scatter_rows(std::span<const float> joint_rad, std::size_t rows,
                           std::span<float> slots_out) const noexcept {
  std::fill_n(slots_out.data(), rows * kSlots, 0.0f);
  const std::size_t count = joints();
  const std::uint32_t* const slot = slots_.data();
  const float *const scale = scale_.data(), *const offset = offset_.data(), *q = joint_rad.data();
  float* out = slots_out.data();
  for (std::size_t i = 0; i < rows; ++i, q += count, out += kSlots)
    for (std::size_t j = 0; j < count; ++j) out[slot[j]] = scale[j] * q[j] + offset[j];
}

void SlotMap::gather_rows(std::span<const float> slots_in, std::size_t rows,
                          std::span<float> joint_rad) const noexcept {
  const std::size_t count = joints();
  const std::uint32_t* const slot = slots_.data();
  const float *const scale = scale_.data(), *const offset = offset_.data(), *in = slots_in.data();
  float* q = joint_rad.data();
  for (std::size_t i = 0; i < rows; ++i, q += count, in += kSlots)
    for (std::size_t j = 0; j < count; ++j) q[j] = (in[slot[j]] - offset[j]) / scale[j];
}

}  // namespace motorium
