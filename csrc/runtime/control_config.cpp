#include "runtime/control_config.hpp"

#include <stdexcept>

namespace motorium {
namespace {

bool can_slew(const ControlConfig& config, std::uint32_t j) noexcept {
  const double range = static_cast<double>(config.limits.joint[j].upper_rad) -
                       static_cast<double>(config.limits.joint[j].lower_rad);
  mtr_profile_limits path = slew_limits(config, j, config.approach_velocity_share);
  path.max_velocity /= range;
  path.max_acceleration /= range;
  path.max_jerk /= range;
  const mtr_profile_limits transition = transition_limits(config, j);
  return mtr_profile_limits_ok(&transition) && mtr_profile_limits_ok(&path);
}

}  // namespace

void check(const ControlConfig& config) {
  if (!mtr_limits_config_ok(&config.limits)) throw std::invalid_argument("joint limits are contradictory");
  if (!(config.rate_hz >= 1.0 && config.rate_hz <= 2000.0))
    throw std::invalid_argument("rate_hz must be in 1..2000");
  if (!(config.approach_velocity_share > 0.0f && config.approach_velocity_share <= 1.0f))
    throw std::invalid_argument("approach_velocity_share must be in (0, 1]");
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config.limits.joint[j];
    if (!(config.max_jerk_rad_s3[j] >= 0.0f && config.max_jerk_rad_s3[j] <= 1e9f))
      throw std::invalid_argument("max_jerk_rad_s3 must not be negative");
    if (!(config.rest_rad[j] >= limits.lower_rad && config.rest_rad[j] <= limits.upper_rad))
      throw std::invalid_argument("the rest pose is outside the joint limits");
    if (!can_slew(config, j))
      throw std::invalid_argument("a joint's limits and approach_velocity_share leave no motion to compute");
    if (!(config.arrival_tolerance_rad[j] > 0.0f) || !(config.start_gap_rad[j] > 0.0f))
      throw std::invalid_argument("arrival_tolerance_rad and start_gap_rad must be positive");
  }
  if (!(config.position_jump_rad > 0.0f)) throw std::invalid_argument("position_jump_rad must be positive");
  if (config.park_timeout_ns <= 0 || config.fallback_after_ns < 0 || config.blend_ns < 0 ||
      config.estop_hold_ns < 0 || config.settle_ns < 0)
    throw std::invalid_argument(
        "park_timeout must be positive; fallback_after, blend, estop_hold and settle not negative");
}

}  // namespace motorium
