#pragma once

#include "bus/joint_bus.hpp"
#include "core/guard.h"

namespace motorium {

/// Owns one `mtr_guard_state`: draws goals back where a servo's own protection would otherwise trip, before
/// they reach the gate. Never allocates. One thread at a time.
class ServoGuard {
 public:
  /// Throws std::invalid_argument when `mtr_guard_config_ok` is false.
  explicit ServoGuard(const mtr_guard_config& config);

  /// Changes `goal_rad` where a joint must yield.
  mtr_guard_verdict step(const JointState& state, PerJoint<float>& goal_rad) noexcept;
  /// Starts anew, because torque is switched on again.
  void clear() noexcept { mtr_guard_clear(&state_); }

  /// MTR_GUARD_* bits of every joint at the last step.
  PerJoint<std::uint8_t> bits() const noexcept;
  const mtr_guard_counters& counters() const noexcept { return state_.counters; }
  std::uint32_t joints() const noexcept { return config_.n_joints; }

 private:
  mtr_guard_config config_;
  mtr_guard_state state_{};
};

}  // namespace motorium
