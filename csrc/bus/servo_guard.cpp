#include "bus/servo_guard.hpp"

#include <algorithm>
#include <stdexcept>

namespace motorium {

ServoGuard::ServoGuard(const mtr_guard_config& config) : config_(config) {
  if (!mtr_guard_config_ok(&config_)) {
    throw std::invalid_argument(
        "servo protection contradicts itself: values finite and not negative, stall_effort <= "
        "overload_effort, hold_effort below it, temperatures and voltages rising");
  }
}

mtr_guard_verdict ServoGuard::step(const JointState& state, PerJoint<float>& goal_rad) noexcept {
  if (state.n < config_.n_joints) return MTR_GUARD_OK;
  const mtr_guard_reading reading{state.position_rad.data(), state.velocity_rad_s.data(), state.effort.data(),
                                  state.temperature_c.data(), state.voltage_v.data()};
  return mtr_guard_step(&config_, &state_, &reading, goal_rad.data());
}

PerJoint<std::uint8_t> ServoGuard::bits() const noexcept {
  PerJoint<std::uint8_t> bits{};
  std::copy_n(state_.bits, config_.n_joints, bits.begin());
  return bits;
}

}  // namespace motorium
