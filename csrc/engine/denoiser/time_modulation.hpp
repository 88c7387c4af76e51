#pragma once

#include "engine/denoiser/denoiser_config.hpp"
#include "engine/denoiser/schedule.hpp"
#include "engine/layers/block.hpp"

namespace motorium {

/// Adaptive norms: six vectors per time from time.fc1 (no bias), SiLU, time.fc2 (no bias), time.fc3 (bias),
/// plus the table layers.{l}.expert.adaln_table (6, width) of every layer. Cosines come first, and t counts
/// to 1000, as in Xiaomi-Robotics-0.
class TimeModulation {
 public:
  TimeModulation(const DenoiserConfig& config, Loader& loader);

  /// Call before the steps of a run.
  void prepare(const Schedule& schedule) noexcept;

  /// Modulation of step k in `layer`: tokens lead .. lead + committed - 1 have the time of finished rows,
  /// others step k's.
  Modulation at(const Schedule& schedule, std::size_t k, std::size_t layer) noexcept;

  /// Sets which tokens are committed.
  void lay_out(std::size_t lead, std::size_t committed, std::size_t count) noexcept;

 private:
  void vectors(double t, float* out) noexcept;

  const kernels::KernelTable& table_;
  std::size_t width_, sinusoid_width_;
  Linear fc1_, fc2_, fc3_;
  std::vector<const float*> tables_;
  float *sinusoid_, *hidden_, *second_, *times_, *both_;
  std::uint32_t* index_;
  std::size_t steps_ = 0;
};

}  // namespace motorium
