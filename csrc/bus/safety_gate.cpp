#include "bus/safety_gate.hpp"

#include <stdexcept>

namespace motorium {

static_assert(MTR_MAX_JOINTS == kMaxJoints);

SafetyGate::SafetyGate(const mtr_limits_config& config) : config_(config) {
  if (!mtr_limits_config_ok(&config_)) {
    throw std::invalid_argument(
        "safety limits contradict themselves: need 1..32 joints, lower < upper, positive finite velocity, "
        "acceleration, "
        "ages and tick, effort in (0, 1], trip_after >= 1");
  }
}

bool SafetyGate::arm(std::span<const float> measured_rad) noexcept {
  return measured_rad.size() == config_.n_joints && mtr_limits_arm(&config_, &state_, measured_rad.data());
}

GatedGoal SafetyGate::apply(const mtr_limits_input& input, mtr_verdict* verdict) noexcept {
  GatedGoal goal;
  goal.n_ = config_.n_joints;
  const mtr_verdict result = mtr_limits_apply(&config_, &state_, &input, goal.position_rad_.data());
  if (verdict != nullptr) *verdict = result;
  return goal;
}

}  // namespace motorium
