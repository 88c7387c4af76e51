#include "runtime/chunk_limits.hpp"

#include <algorithm>
#include <numbers>

namespace motorium {
namespace {

// how far a plan may exceed the limits, so that the gate's counters show it
constexpr float kOvershoot_rad = 0.1f;

}  // namespace

Meaning meaning_of(const ControlConfig& config) noexcept {
  Meaning all;
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config.limits.joint[j];
    const float beyond = std::max(limits.upper_rad - limits.lower_rad, 2.0f * std::numbers::pi_v<float>);
    all.lower_rad[j] = limits.lower_rad - kOvershoot_rad;
    all.upper_rad[j] = limits.upper_rad + kOvershoot_rad;
    all.lowest_rad[j] = limits.lower_rad - beyond;
    all.highest_rad[j] = limits.upper_rad + beyond;
  }
  return all;
}

ApproachLimits approach_limits(const ControlConfig& config) noexcept {
  ApproachLimits limits{{}, config.start_gap_rad};
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j)
    limits.speed_rad_s[j] = config.approach_velocity_share * config.limits.joint[j].max_velocity_rad_s;
  return limits;
}

}  // namespace motorium
