#include "runtime/setpoint.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

constexpr float kFollows_rad = 0.02f;  // below this the goal counts as following its setpoint

}  // namespace

void Setpoint::advance(std::int64_t t_ns) noexcept {
  setpoint_ = source_;
  if (transition_.active()) transition_.add(t_ns, setpoint_);
}

bool Setpoint::blend_from(std::uint32_t joints, std::int64_t last_ns, const Motion& source) noexcept {
  if (!transition_.start(joints, last_ns, setpoint_, source)) return false;
  source_ = source;
  rest_asked_ = false;
  return true;
}

bool Setpoint::come_to_rest(std::int64_t last_ns, const SafetyGate& gate) noexcept {
  take_up_lag(gate);
  Motion rest;
  for (std::uint32_t j = 0; j < gate.joints(); ++j) {
    const mtr_joint_limits& limits = gate.config().joint[j];
    rest.position_rad[j] = std::clamp(transition_.rest_rad(j, setpoint_), limits.lower_rad, limits.upper_rad);
  }
  return blend_from(gate.joints(), last_ns, rest);
}

void Setpoint::stand_at(const PerJoint<float>& position_rad) noexcept {
  setpoint_ = source_ = Motion{position_rad, {}, {}};
  transition_.clear();
  rest_asked_ = false;
  lag_rad_ = {};
}

void Setpoint::freeze(const SafetyGate& gate) noexcept {
  take_up_lag(gate);
  const PerJoint<float> here = setpoint_.position_rad;
  stand_at(here);
}

void Setpoint::set_lag(const PerJoint<float>& wanted_rad, const PerJoint<float>& goal_rad,
                       std::uint32_t joints) noexcept {
  for (std::uint32_t j = 0; j < joints; ++j) lag_rad_[j] = wanted_rad[j] - goal_rad[j];
}

/// Moves the setpoint back to the goal. A source may ask for more than the gate allows, which leaves the arm
/// far behind the setpoint; a stop must begin at the goal, or the arm would run on to catch up.
void Setpoint::take_up_lag(const SafetyGate& gate) noexcept {
  for (std::uint32_t j = 0; j < gate.joints(); ++j) {
    if (!(std::abs(lag_rad_[j]) > kFollows_rad)) continue;
    setpoint_.position_rad[j] -= lag_rad_[j];
    setpoint_.velocity_rad_s[j] = gate.velocity_rad_s(j);
    setpoint_.acceleration_rad_s2[j] = 0.0f;
  }
  lag_rad_ = {};
}

}  // namespace motorium
