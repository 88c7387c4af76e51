#pragma once

#include <cstdint>
#include <span>

#include "bus/joint_bus.hpp"
#include "core/limits.h"

namespace motorium {

/// Owns one `mtr_limits_state` and is the only maker of GatedGoal: the one path from a number to the bus. Not
/// thread-safe; one thread (the control thread, or a lock-step caller) owns it. Never allocates after
/// construction.
class SafetyGate {
 public:
  /// Throws std::invalid_argument when `mtr_limits_config_ok` is false.
  explicit SafetyGate(const mtr_limits_config& config);

  /// Starts at rest at the measured position (J, radians). False when tripped or a position is not finite.
  bool arm(std::span<const float> measured_rad) noexcept;

  /// Whatever `input` holds, the result is finite and safe to send. `verdict` may be null.
  GatedGoal apply(const mtr_limits_input& input, mtr_verdict* verdict) noexcept;

  /// Clears a trip and disarms.
  void reset() noexcept { mtr_limits_reset(&state_); }

  std::uint32_t joints() const noexcept { return config_.n_joints; }
  bool armed() const noexcept { return state_.armed; }
  bool tripped() const noexcept { return state_.tripped; }
  /// MTR_CAUSE_* bits of the last apply; after a trip, those of the refusal that tripped.
  std::uint32_t causes() const noexcept { return state_.last_causes; }
  /// Velocity of the goal of `joint` at the last apply.
  float velocity_rad_s(std::uint32_t joint) const noexcept { return state_.velocity_rad_s[joint]; }
  const mtr_limits_config& config() const noexcept { return config_; }
  const mtr_limits_counters& counters() const noexcept { return state_.counters; }

 private:
  mtr_limits_config config_;
  mtr_limits_state state_{};
};

}  // namespace motorium
