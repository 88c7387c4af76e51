#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/guard.h"
#include "core/limits.h"

namespace motorium {

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
  std::int64_t blend_ns = 150'000'000;           ///< Over which a difference at a chunk seam is faded out.
};

}  // namespace motorium
