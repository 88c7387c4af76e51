#pragma once

#include <optional>

#include "bindings/bind_runtime.hpp"
#include "bindings/bound_loop.hpp"
#include "bindings/structs.hpp"

namespace motorium {

// Methods of the robot that wait, without the GIL. Python's signal handlers run meanwhile.
bool enable(BoundLoop& bound, double timeout_s);
MoveEnd slew(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s);
bool move_to(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s);
bool park(BoundLoop& bound, double timeout_s);
void hold(BoundLoop& bound);
void release(BoundLoop& bound);
void estop(BoundLoop& bound);
bool accept_position(BoundLoop& bound);
Problems wait_for_joints(BoundLoop& bound, double timeout_s);
Problems power_up(BoundLoop& bound, double timeout_s);
Problems reconnect(BoundLoop& bound, double timeout_s);
bool reset_estop(BoundLoop& bound, double timeout_s);

}  // namespace motorium
