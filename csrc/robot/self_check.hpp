#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "robot/causes.hpp"
#include "robot/interrupt.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

/// A servo that protected itself from an overload says so until its torque is given anew: no obstacle.
inline constexpr std::string_view kOverload = "overload";

/// Before torque: supply, heat and place of every joint of `joints`, then the faults that its servo reports.
/// Joint by joint; empty: the arm may be given torque. `state` must hold as many joints.
Problems self_check(std::span<const RobotJoint> joints, const JointState& state);

/// Joints of `joints` that have not answered once.
Problems unheard(std::uint32_t joints, const JointState& state);
/// Joints whose last reply is older than `max_age_s` at `now_ns`.
Problems stale(const JointState& state, double max_age_s, std::int64_t now_ns);
/// Joints that read another place than before, latched in the control core.
Problems jumped(const CoreSnapshot& core);
/// Joints that the last slew did not bring to their goals.
Problems missed(const CoreSnapshot& core);

/// Waits until every joint has answered once. Those that did not within `timeout_s`; empty: all did. Throws
/// Interrupted.
Problems wait_until_heard(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});
/// Waits until every joint has answered after now. Those that are stale after `timeout_s`. Throws
/// Interrupted.
Problems wait_for_readings(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

}  // namespace motorium
