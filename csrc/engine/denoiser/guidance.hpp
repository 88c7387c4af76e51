#pragma once

#include <cstddef>
#include <span>

#include "engine/denoiser/schedule.hpp"

namespace motorium {

/// An earlier plan that pulls the free rows of a chunk during denoising: real-time chunking (Black, Galliker,
/// Levine 2025, arXiv 2506.07339). There is no gradient here, so the identity replaces the Jacobian of its
/// vector-Jacobian product. No rows: no guidance.
struct Guidance {
  std::span<const float> rows = {};     ///< (G, channels): the earlier plan, row i at the time of row i
  std::span<const float> weights = {};  ///< (G): W of the paper, 0..1
  float limit = 5.0f;                   ///< beta of the paper
};

/// Returns min(beta, K, (1 - tau) / (tau r^2)) with r^2 = (1 - tau)^2 / (tau^2 + (1 - tau)^2) and tau = 1 -
/// noise_fraction. More than K in a step of 1/K would carry a row past the plan that pulls it.
float guidance_gain(double noise_fraction, std::size_t steps, float limit) noexcept;

/// Rows of a chunk partway through its flow.
struct GuidedRows {
  const float* x;   ///< (T, channels)
  float* velocity;  ///< (T, channels), to be turned towards the plan
  std::size_t channels;
  std::size_t first_row;  ///< Rows before it are committed.
};

/// Computes velocity += sign * gain * W * (plan - clean), where clean = x + sign * (1 - tau) * velocity is
/// what the chunk would become, and sign is -1 where the flow runs from 1 to 0. Step k of `schedule`.
void guide(const Guidance& guidance, const Schedule& schedule, std::size_t k,
           const GuidedRows& rows) noexcept;

}  // namespace motorium
