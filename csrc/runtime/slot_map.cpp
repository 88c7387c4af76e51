#include "runtime/slot_map.hpp"

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
  std::fill(slots_out.begin(), slots_out.end(), 0.0f);
  for (std::size_t j = 0; j < slots_.size(); ++j)
    slots_out[slots_[j]] = scale_[j] * joint_rad[j] + offset_[j];
}

void SlotMap::gather(std::span<const float> slots_in, std::span<float> joint_rad) const noexcept {
  for (std::size_t j = 0; j < slots_.size(); ++j)
    joint_rad[j] = (slots_in[slots_[j]] - offset_[j]) / scale_[j];
}

void SlotMap::scatter_rows(std::span<const float> joint_rad, std::size_t rows,
                           std::span<float> slots_out) const noexcept {
  for (std::size_t i = 0; i < rows; ++i)
    scatter(joint_rad.subspan(i * joints(), joints()), slots_out.subspan(i * kSlots, kSlots));
}

void SlotMap::gather_rows(std::span<const float> slots_in, std::size_t rows,
                          std::span<float> joint_rad) const noexcept {
  for (std::size_t i = 0; i < rows; ++i)
    gather(slots_in.subspan(i * kSlots, kSlots), joint_rad.subspan(i * joints(), joints()));
}

}  // namespace motorium
