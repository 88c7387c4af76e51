#include "bindings/robot_requests.hpp"

#include "bindings/waiting.hpp"

namespace motorium {

bool enable(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.enable(timeout_s); });
}

MoveEnd slew(BoundRobot& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  const float fraction = checked_share(share, bound.config().control);
  const PerJoint<float> target_rad = pose(q, bound.joints());
  return waiting([&] { return bound.slew(target_rad, fraction, timeout_s); });
}

bool move_to(BoundRobot& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  const float fraction = checked_share(share, bound.config().control);
  const PerJoint<float> target_rad = pose(q, bound.joints());
  return waiting([&] { return bound.move_to(target_rad, fraction, timeout_s); });
}

bool park(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.park(timeout_s); });
}

void hold(BoundRobot& bound) {
  waiting([&] { bound.hold(); });
}

void release(BoundRobot& bound) {
  waiting([&] { bound.release(); });
}

void estop(BoundRobot& bound) {
  waiting([&] { bound.estop(); });
}

bool reset_estop(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.reset_estop(timeout_s); });
}

bool accept_position(BoundRobot& bound) {
  return waiting([&] { return bound.accept_position(); });
}

Problems wait_for_joints(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.wait_until_heard(timeout_s); });
}

Problems power_up(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.power_up(timeout_s); });
}

Problems reconnect(BoundRobot& bound, double timeout_s) {
  return waiting([&] { return bound.reconnect(timeout_s); });
}

}  // namespace motorium
