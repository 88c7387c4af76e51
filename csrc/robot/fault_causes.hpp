#pragma once

#include <cstdint>
#include <span>

#include "robot/causes.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

/// Why an arm is in fault, or was brought to rest by itself, as seen at `now_ns`: the cause, then what its
/// servos report and who is silent, where that says more. Empty while it is neither. `joints`: what status
/// bits mean; may be empty.
Problems fault_causes(const ControlLoop& loop, std::span<const RobotJoint> joints, std::int64_t now_ns);

}  // namespace motorium
