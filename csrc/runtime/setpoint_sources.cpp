#include "runtime/setpoint_sources.hpp"

#include <algorithm>

#include "runtime/chunk_limits.hpp"

namespace motorium {
namespace {

// Smooths the leader's speed over about 4 ticks, because its encoder moves in steps.
constexpr float kStreamSpeedFraction = 0.25f;

}  // namespace

void SlewSource::ask(const PerJoint<float>& target_rad, float fraction) noexcept {
  target_rad_ = target_rad;
  fraction_ = fraction;
  asked_ = true;
}

void SlewSource::take_up() noexcept {
  for (std::uint32_t j = 0; j < config_.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    target_rad_[j] = std::clamp(target_rad_[j], limits.lower_rad, limits.upper_rad);
  }
  asked_ = false;
  arrival_.start(target_rad_);
}

bool SlewSource::start(std::int64_t start_ns, const PerJoint<float>& from_rad) noexcept {
  PerJoint<mtr_profile_limits> bounds{};
  for (std::uint32_t j = 0; j < config_.limits.n_joints; ++j) bounds[j] = slew_limits(config_, j, fraction_);
  return slew_.start(config_.limits.n_joints, start_ns, from_rad, target_rad_, bounds);
}

StreamSource::StreamSource(const ControlConfig& config) noexcept
    : config_(config), approach_rad_s_(approach_limits(config).speed_rad_s) {}

void StreamSource::give(const PerJoint<float>& goal_rad) noexcept {
  given_ = true;
  for (std::uint32_t j = 0; j < config_.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    goal_rad_[j] = std::clamp(goal_rad[j], limits.lower_rad, limits.upper_rad);
  }
}

void StreamSource::start(std::int64_t last_ns, std::int64_t now_ns,
                         const PerJoint<float>& from_rad) noexcept {
  active_ = true;
  last_ns_ = last_ns;
  ramp_.start(config_.limits.n_joints, now_ns, from_rad, goal_rad_, approach_rad_s_);
}

void StreamSource::sample(std::int64_t t_ns, Motion& motion) noexcept {
  const PerJoint<float> before = motion.position_rad;
  ramp_.sample(t_ns, goal_rad_, motion.position_rad);
  const auto dt_s = static_cast<float>(std::max<std::int64_t>(t_ns - last_ns_, 1)) * 1e-9f;
  for (std::uint32_t j = 0; j < config_.limits.n_joints; ++j) {
    const float speed = (motion.position_rad[j] - before[j]) / dt_s;
    motion.velocity_rad_s[j] += kStreamSpeedFraction * (speed - motion.velocity_rad_s[j]);
  }
  motion.acceleration_rad_s2 = {};
  last_ns_ = t_ns;
}

}  // namespace motorium
