#pragma once

#include "bus/joint_bus.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

/// What values of each joint can be meant. Beyond the limits is for the gate to clamp, beyond these is a
/// mistake.
struct Meaning {
  PerJoint<float> lowest_rad{}, highest_rad{};
  PerJoint<float> lower_rad{}, upper_rad{};  ///< A plan stays within: it must not wind up.
};

/// When the beginning of a plan is too far away to be followed at once, and how fast it is approached then.
struct ApproachLimits {
  PerJoint<float> speed_rad_s{};
  PerJoint<float> gap_rad{};  ///< Infinite: this joint follows at once, whatever the distance.
};

/// A turn beyond each limit, or as far as the joint travels between them: what a policy overshoots is less,
/// degrees or ticks are soon more.
Meaning meaning_of(const ControlConfig& config) noexcept;
ApproachLimits approach_limits(const ControlConfig& config) noexcept;

}  // namespace motorium
