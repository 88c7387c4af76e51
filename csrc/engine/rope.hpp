#pragma once

#include "engine/loader.hpp"

namespace motorium {

/// Cosines and sines of rotary position embedding, one row of head_dim / 2 per position.
struct RopeTable {
  float* cosine = nullptr;  ///< null: no rotation
  float* sine = nullptr;
  std::size_t positions = 0;
};

/// Angle of pair i at position p: p * theta^(-2 i / head_dim), rounded to float32 where the Qwen3
/// implementation of transformers rounds.
RopeTable make_rope(float theta, std::size_t head_dim, std::size_t positions, Arena& arena);

}  // namespace motorium
