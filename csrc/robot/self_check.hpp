#pragma once

#include <cstdint>
#include <span>

#include "robot/causes.hpp"
#include "robot/interrupt.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

/// Checks supply, temperature and position of every joint, then the faults that its servo reports, joint by
/// joint. Empty: the arm may get torque. `state` must hold as many joints.
Problems self_check(std::span<const RobotJoint> joints, const JointState& state);

/// Returns the joints that have never answered.
Problems unheard(std::uint32_t joints, const JointState& state);
/// Returns the joints whose last reply is older than `max_age_s` at `now_ns`.
Problems stale(const JointState& state, double max_age_s, std::int64_t now_ns);
/// Returns the joints whose position jumped, as latched in the control core.
Problems jumped(const CoreSnapshot& core);
/// Returns the joints that the last slew did not bring to their goals.
Problems missed(const CoreSnapshot& core);

/// Waits until every joint has answered once. Returns those that did not within `timeout_s`. Throws
/// Interrupted.
Problems wait_until_heard(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});
/// Waits until every joint has answered after this call. Returns those that are stale after `timeout_s`.
/// Throws Interrupted.
Problems wait_for_readings(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

}  // namespace motorium
