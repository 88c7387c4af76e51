#pragma once

#include <cmath>

#include "engine/denoiser/denoiser_config.hpp"

namespace motorium {

/// Writes the embedding of time t, config.width floats.
inline void embed_time(const TimeConfig& config, double t, float* out) noexcept {
  const std::size_t half = config.width / 2;
  float* sines = config.cosine_first ? out + half : out;
  float* cosines = config.cosine_first ? out : out + half;
  const double scaled = t * static_cast<double>(config.scale);
  // Embed indices as Being-H0.5 does, all in float32: at index 1000 the rounding of a frequency already moves
  // the sine by 3e-5.
  const float exponent = std::log(config.period) / static_cast<float>(half);
  for (std::size_t j = 0; j < half; ++j) {
    double angle;
    if (config.whole) {
      angle = static_cast<double>(static_cast<float>(std::floor(scaled + 1e-6)) *
                                  std::exp(-static_cast<float>(j) * exponent));
    } else {
      const double fraction = static_cast<double>(j) / static_cast<double>(half);
      angle = scaled * std::pow(static_cast<double>(config.period), -fraction);
    }
    sines[j] = static_cast<float>(std::sin(angle));
    cosines[j] = static_cast<float>(std::cos(angle));
  }
}

/// Returns the number that embed_time() turns into angles.
inline float time_number(const TimeConfig& config, double t) noexcept {
  const double scaled = t * static_cast<double>(config.scale);
  return static_cast<float>(config.whole ? std::floor(scaled + 1e-6) : scaled);
}

}  // namespace motorium
