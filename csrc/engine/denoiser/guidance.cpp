#include "engine/denoiser/guidance.hpp"

#include <algorithm>

namespace motorium {

float guidance_gain(double noise_fraction, std::size_t steps, float limit) noexcept {
  const double tau = 1.0 - noise_fraction;
  const double most = std::min(static_cast<double>(limit), static_cast<double>(steps));
  if (tau * noise_fraction <= 0.0) return static_cast<float>(most);
  const double wanted = (tau * tau + noise_fraction * noise_fraction) / (tau * noise_fraction);
  return static_cast<float>(std::min(most, wanted));
}

void guide(const Guidance& guidance, const Schedule& schedule, std::size_t k,
           const GuidedRows& rows) noexcept {
  const double left = schedule.noise_fraction(k);
  const float sign = schedule.noise_at_one ? -1.0f : 1.0f;
  const float ahead = sign * static_cast<float>(left);
  const float gain = sign * guidance_gain(left, schedule.steps, guidance.limit);
  for (std::size_t row = rows.first_row; row < guidance.weights.size(); ++row) {
    const float pull = gain * guidance.weights[row];
    for (std::size_t i = row * rows.channels; i < (row + 1) * rows.channels; ++i) {
      const float clean = rows.x[i] + ahead * rows.velocity[i];
      rows.velocity[i] += pull * (guidance.rows[i] - clean);
    }
  }
}

}  // namespace motorium
