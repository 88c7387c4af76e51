#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "motorium/slot_space.hpp"

namespace motorium {

/// Maps robot joints (radians) to unified slots and back: slot = scale * q + offset. Lossless on mapped
/// slots; other slots are zero.
class SlotMap {
 public:
  /// Throws std::invalid_argument on a length mismatch, a slot out of range, a repeated slot or a zero scale.
  SlotMap(std::vector<std::uint32_t> slots, std::vector<float> scale, std::vector<float> offset);

  std::size_t joints() const noexcept { return slots_.size(); }
  const std::vector<std::uint32_t>& slots() const noexcept { return slots_; }

  /// joint_rad: J; slots_out: 200.
  void scatter(std::span<const float> joint_rad, std::span<float> slots_out) const noexcept;
  /// slots_in: 200; joint_rad: J.
  void gather(std::span<const float> slots_in, std::span<float> joint_rad) const noexcept;

  /// Map whole chunks row by row. joint_rad: rows * J; slots: rows * 200.
  void scatter_rows(std::span<const float> joint_rad, std::size_t rows,
                    std::span<float> slots_out) const noexcept;
  void gather_rows(std::span<const float> slots_in, std::size_t rows,
                   std::span<float> joint_rad) const noexcept;

 private:
  std::vector<std::uint32_t> slots_;
  std::vector<float> scale_;
  std::vector<float> offset_;
};

}  // namespace motorium
