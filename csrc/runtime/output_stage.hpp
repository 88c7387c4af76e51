#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "bus/safety_gate.hpp"
#include "bus/servo_guard.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

/// Returns the time of the oldest reading in `state`. `state.n` must not be 0.
std::int64_t oldest_joint_ns(const JointState& state) noexcept;

/// Turns a wanted position into the goal for the bus: servo guard, then safety gate.
class OutputStage {
 public:
  /// Throws std::invalid_argument when limits or guard are contradictory.
  explicit OutputStage(const ControlConfig& config);

  /// Restarts guard and gate at the measured position. False: the gate refuses it.
  bool arm(const PerJoint<float>& measured_rad) noexcept;
  /// Stops at the last goal; without this the gate would brake at its bounded deceleration.
  void stop() noexcept;

  /// Draws `wanted_rad` back where a servo must yield before its own protection trips.
  mtr_guard_verdict guard(const JointState& state, PerJoint<float>& wanted_rad) noexcept {
    return guard_.step(state, wanted_rad);
  }
  /// Returns the goal of this tick.
  GatedGoal apply(std::int64_t now_ns, const JointState& state, const PerJoint<float>& wanted_rad,
                  mtr_verdict& verdict) noexcept;

  const PerJoint<float>& goal_rad() const noexcept { return goal_rad_; }
  const SafetyGate& gate() const noexcept { return gate_; }
  const ServoGuard& servo_guard() const noexcept { return guard_; }

 private:
  SafetyGate gate_;
  ServoGuard guard_;
  PerJoint<float> goal_rad_{};
};

}  // namespace motorium
