#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/guard.h"
#include "core/limits.h"
#include "core/profile.h"

namespace motorium {

// Gravity makes an STS3215 sag by this much; robots declare the tolerance of other joints.
inline constexpr float kArrivalTolerance_rad = 0.2f;
inline constexpr float kStartGap_rad = 0.25f;  // how far a joint may be found from where it was left

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

/// Everything the control thread needs to know, fixed at construction. `limits.n_joints` is the joint count.
struct ControlConfig {
  mtr_limits_config limits{};
  mtr_guard_config guard{};  ///< Without joints, only the servos' own protection acts.
  double rate_hz = 200.0;
  PerJoint<float> rest_rad{};
  /// Speed of every slew, as a fraction of each joint's velocity limit.
  float approach_velocity_share = 0.25f;
  RestPolicy fallback = RestPolicy::hold;
  /// How long to hold after an underflow before the fallback acts.
  std::int64_t fallback_after_ns = 3'000'000'000;
  RestPolicy exit = RestPolicy::park;
  std::int64_t park_timeout_ns = 6'000'000'000;  ///< After this, torque goes off wherever the arm is.
  /// Jerk limit of every change of source (hold, slew, new plan). 0: reach full acceleration within 40 ms.
  PerJoint<float> max_jerk_rad_s3{};
  std::int64_t blend_ns = 150'000'000;  ///< Time over which a difference at a chunk seam fades out.
  /// Largest step between two readings of a joint, beyond what it can travel in between (at most 0.1 s at top
  /// speed). A larger one is a fault: torque stays off until a person accepts the position.
  float position_jump_rad = 0.25f;
  /// How long the arm stands still under torque after an emergency stop, before torque goes off. 0: at once.
  std::int64_t estop_hold_ns = 500'000'000;
  /// A slew has arrived when every joint is measured within this of its goal; infinite: the joint is not
  /// judged.
  PerJoint<float> arrival_tolerance_rad = each_joint(kArrivalTolerance_rad);
  /// Joints (bits) that an object may stop short of their goal; that counts as arrival.
  JointMask grippers = 0;
  /// How long to wait, after the end of a slew, for an arm that still moves.
  std::int64_t settle_ns = 1'000'000'000;
  /// A plan that begins further than this from the setpoint is approached slowly; infinite: never, for
  /// grippers, whose whole travel is an ordinary command.
  PerJoint<float> start_gap_rad = each_joint(kStartGap_rad);
  int cpu = -1;  ///< The one CPU that the control thread may use, where permitted; -1: any.
};

/// Throws std::invalid_argument where limits, rates or policies contradict each other.
void check(const ControlConfig& config);

inline constexpr float kFullAccelerationS = 0.04f;  // where no jerk is declared

/// Limits for a change of source of joint `j`.
inline mtr_profile_limits transition_limits(const ControlConfig& config, std::uint32_t j) noexcept {
  const mtr_joint_limits& limits = config.limits.joint[j];
  const float jerk = config.max_jerk_rad_s3[j] > 0.0f ? config.max_jerk_rad_s3[j]
                                                      : limits.max_acceleration_rad_s2 / kFullAccelerationS;
  return {static_cast<double>(limits.max_velocity_rad_s), static_cast<double>(limits.max_acceleration_rad_s2),
          static_cast<double>(jerk)};
}

/// Limits for a slew of joint `j` at `fraction` of its velocity limit.
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
