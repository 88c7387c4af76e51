#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "robot/causes.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

/// A servo that has no torque though it was given: it restarted, or its own watchdog took it.
inline constexpr std::string_view kTorqueLost = "torque lost";

/// Why an arm is in fault, or was brought to rest by itself, as seen at `now_ns`: the cause, then what its
/// servos report and who is silent, where that says more. Empty while it is neither. `joints`: names of fault
/// bits; may be empty.
Problems fault_causes(const ControlLoop& loop, std::span<const RobotJoint> joints, std::int64_t now_ns);

}  // namespace motorium
