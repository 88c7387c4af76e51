#pragma once

#include <optional>

#include "bindings/bind_runtime.hpp"
#include "bindings/bound_robot.hpp"
#include "bindings/structs.hpp"

namespace motorium {

// Methods of the robot that wait, without the GIL. Python's signal handlers run meanwhile.
bool enable(BoundRobot& bound, double timeout_s);
MoveEnd slew(BoundRobot& bound, const FloatArray& q, std::optional<double> share, double timeout_s);
bool move_to(BoundRobot& bound, const FloatArray& q, std::optional<double> share, double timeout_s);
bool park(BoundRobot& bound, double timeout_s);
void hold(BoundRobot& bound);
void release(BoundRobot& bound);
void estop(BoundRobot& bound);
bool accept_position(BoundRobot& bound);
Problems wait_for_joints(BoundRobot& bound, double timeout_s);
Problems power_up(BoundRobot& bound, double timeout_s);
Problems reconnect(BoundRobot& bound, double timeout_s);
bool reset_estop(BoundRobot& bound, double timeout_s);

}  // namespace motorium
