#pragma once

#include "engine/denoiser/denoiser_config.hpp"

namespace motorium {

/// Times of one run: step k of K, then the time of finished rows.
struct Schedule {
  static constexpr std::size_t kMaxSteps = 64;
  /// Time rows beyond the steps: of committed rows, and of the refinement's clean actions.
  static constexpr std::size_t kExtra = 2;

  std::size_t steps;
  bool noise_at_one;

  double at(std::size_t k) const noexcept {
    const double fraction = static_cast<double>(k) / static_cast<double>(steps);
    return noise_at_one ? 1.0 - fraction : fraction;
  }
  /// Returns the fraction of noise in x at step k.
  double noise_fraction(std::size_t k) const noexcept {
    return static_cast<double>(steps - k) / static_cast<double>(steps);
  }
  double done() const noexcept { return noise_at_one ? 0.0 : 1.0; }
  std::size_t done_row() const noexcept { return kMaxSteps; }
  /// When Being-H0.5 refines finished chunks, it embeds them with the time of noise.
  std::size_t clean_row() const noexcept { return kMaxSteps + 1; }
};

}  // namespace motorium
