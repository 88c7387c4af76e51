#include "bindings/loop_requests.hpp"

#include "bindings/waiting.hpp"
#include "robot/requests.hpp"

namespace motorium {

bool enable(BoundLoop& bound, double timeout_s) {
  return waiting([&](const Interrupt& interrupt) { return enable(bound.loop, timeout_s, interrupt); });
}

MoveEnd slew(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  const float fraction = checked_share(share, bound.loop.config());
  const PerJoint<float> target_rad = pose(q, bound.loop.joints());
  return waiting([&](const Interrupt& interrupt) {
    return move_to(bound.loop, target_rad, fraction, timeout_s, interrupt);
  });
}

bool move_to(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  if (timeout_s > 0.0) return slew(bound, q, share, timeout_s) == MoveEnd::arrived;
  return bound.loop.move_to(pose(q, bound.loop.joints()), checked_share(share, bound.loop.config())) != 0;
}

bool park(BoundLoop& bound, double timeout_s) {
  return waiting([&](const Interrupt& interrupt) { return park(bound.loop, timeout_s, interrupt); });
}

void hold(BoundLoop& bound) {
  waiting([&](const Interrupt& interrupt) { hold(bound.loop, interrupt); });
}

void release(BoundLoop& bound) {
  waiting([&](const Interrupt& interrupt) { release(bound.loop, interrupt); });
}

void estop(BoundLoop& bound) {
  waiting([&](const Interrupt& interrupt) { estop(bound.loop, interrupt); });
}

bool reset_estop(BoundLoop& bound, double timeout_s) {
  return waiting([&](const Interrupt& interrupt) { return reset_estop(bound.loop, timeout_s, interrupt); });
}

bool accept_position(BoundLoop& bound) {
  return waiting([&](const Interrupt& interrupt) { return accept_position(bound.loop, interrupt); });
}

void reconnect(BoundLoop& bound, double timeout_s) {
  waiting([&](const Interrupt& interrupt) { reconnect(bound.loop, bound.open, timeout_s, interrupt); });
}

}  // namespace motorium
