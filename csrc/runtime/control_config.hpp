#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/guard.h"
#include "core/limits.h"
#include "core/profile.h"

namespace motorium {

inline constexpr float kArrivalTolerance_rad =
    0.2f;  // what gravity lets an STS3215 sag; other joints declare theirs
inline constexpr float kStartGap_rad = 0.25f;  // as far as a joint may be found from where it was left

constexpr PerJoint<float> each_joint(float value) noexcept {
  PerJoint<float> values{};
  for (float& one : values) one = value;
  return values;
}

/// What the arm does by itself: when chunks stop coming (fallback), or when control ends (exit).
enum class RestPolicy : std::uint8_t {
  hold,    ///< Keep torque and position.
  park,    ///< Slew to the rest pose, then torque off.
  release  ///< Torque off at once.
};

/// Everything the control thread needs to know, fixed at construction. `limits.n_joints` is the number of
/// joints.
struct ControlConfig {
  mtr_limits_config limits{};
  mtr_guard_config guard{};  ///< No joints: the servos' own protection alone.
  double rate_hz = 200.0;
  PerJoint<float> rest_rad{};
  float approach_velocity_share = 0.25f;  ///< Of each joint's velocity limit, for every slew.
  RestPolicy fallback = RestPolicy::hold;
  std::int64_t fallback_after_ns = 3'000'000'000;  ///< Hold this long after an underflow before the fallback.
  RestPolicy exit = RestPolicy::park;
  std::int64_t park_timeout_ns = 6'000'000'000;  ///< Torque goes off then, wherever the arm is.
  /// Bound of every change of source (hold, slew, joining a plan). 0: full acceleration within 40 ms.
  PerJoint<float> max_jerk_rad_s3{};
  std::int64_t blend_ns = 150'000'000;  ///< Over which a difference at a chunk seam is faded out.
  /// Two readings of a joint further apart than this and what it can travel in between, 0.1 s of its top
  /// speed at most, mean that it is not where it was: no torque then.
  float position_jump_rad = 0.25f;
  /// After an emergency stop the arm stands still under torque for so long, then torque goes off. 0: at once.
  std::int64_t estop_hold_ns = 500'000'000;
  /// A slew has arrived where every joint is measured within this of its goal; infinite: not judged.
  PerJoint<float> arrival_tolerance_rad = each_joint(kArrivalTolerance_rad);
  JointMask grippers = 0;  ///< Joints (bits) that something held may stop: that is an arrival.
  std::int64_t settle_ns = 1'000'000'000;  ///< After the end of a slew a moving arm is waited for so long.
  /// A plan that begins further than this from the setpoint is approached; infinite: never (a gripper's whole
  /// travel is an ordinary command).
  PerJoint<float> start_gap_rad = each_joint(kStartGap_rad);
  int cpu = -1;  ///< The control thread runs on this one alone, where that is permitted; -1: anywhere.
};

/// Throws std::invalid_argument where limits, rates or policies contradict each other.
void check(const ControlConfig& config);

inline constexpr float kFullAccelerationS = 0.04f;  // where no jerk is declared

/// Bounds of a change of source for joint `j`.
inline mtr_profile_limits transition_limits(const ControlConfig& config, std::uint32_t j) noexcept {
  const mtr_joint_limits& limits = config.limits.joint[j];
  const float jerk = config.max_jerk_rad_s3[j] > 0.0f ? config.max_jerk_rad_s3[j]
                                                      : limits.max_acceleration_rad_s2 / kFullAccelerationS;
  return {static_cast<double>(limits.max_velocity_rad_s), static_cast<double>(limits.max_acceleration_rad_s2),
          static_cast<double>(jerk)};
}

/// Bounds of a slew of joint `j` at `fraction` of its velocity limit.
inline mtr_profile_limits slew_limits(const ControlConfig& config, std::uint32_t j, float fraction) noexcept {
  constexpr double kSlewRampS = 0.25;  // a slew takes at least this long to reach full speed
  mtr_profile_limits limits = transition_limits(config, j);
  limits.max_velocity *= static_cast<double>(fraction);
  limits.max_acceleration =
      limits.max_velocity / kSlewRampS < static_cast<double>(fraction) * limits.max_acceleration
          ? limits.max_velocity / kSlewRampS
          : static_cast<double>(fraction) * limits.max_acceleration;
  return limits;
}

}  // namespace motorium
