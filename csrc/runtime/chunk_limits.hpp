#pragma once

#include "bus/joint_bus.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

/// Plausible values of each joint. The gate clamps what is beyond the limits; what is beyond these is a
/// mistake.
struct Meaning {
  PerJoint<float> lowest_rad{}, highest_rad{};
  PerJoint<float> lower_rad{}, upper_rad{};  ///< Plans are clamped to these, so that they cannot wind up.
};

/// When the start of a plan is too far away to follow at once, and how fast to approach it.
struct ApproachLimits {
  PerJoint<float> speed_rad_s{};
  PerJoint<float> gap_rad{};  ///< Infinite: follow at once, whatever the distance.
};

/// Allows a turn beyond each limit, or the joint's whole travel where that is more: no policy overshoots that
/// far, but values in degrees or ticks soon do.
Meaning meaning_of(const ControlConfig& config) noexcept;
ApproachLimits approach_limits(const ControlConfig& config) noexcept;

}  // namespace motorium
