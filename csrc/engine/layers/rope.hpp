#pragma once

#include <array>

#include "engine/cpu/loader.hpp"

namespace motorium {

/// Cosines and sines of rotary position embedding, one row of head_dim / 2 per position.
struct RopeTable {
  float* cosine = nullptr;  ///< null: no rotation
  float* sine = nullptr;
  std::size_t positions = 0;
};

/// Positions on three axes (M-RoPE of Qwen3-VL, interleaved): pair i turns with the height where i % 3 = 1
/// and with the width where i % 3 = 2, as far as their sections of pairs reach, and with the time otherwise.
struct RopeAxes {
  std::size_t height, width;  ///< pairs

  std::size_t axis_of(std::size_t pair) const noexcept {
    if (pair % 3 == 1 && pair < 3 * height) return 1;
    return pair % 3 == 2 && pair < 3 * width ? 2 : 0;
  }
};

/// Angle of pair i at position p: p * theta^(-2 i / head_dim), rounded to float32 where the Qwen3
/// implementation of transformers rounds.
RopeTable make_rope(float theta, std::size_t head_dim, std::size_t positions, Arena& arena);

/// Recomputes row r of a table of make_rope(): the angles at starts[axis] + r.
void turn_from(const std::array<std::size_t, 3>& starts, const RopeAxes& axes, float theta,
               std::size_t head_dim, const RopeTable& rope) noexcept;

}  // namespace motorium
