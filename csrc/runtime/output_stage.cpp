#include "runtime/output_stage.hpp"

#include <algorithm>

namespace motorium {
namespace {

mtr_guard_config guard_config(const ControlConfig& config) {
  mtr_guard_config guard = config.guard;
  guard.dt_s = config.limits.dt_s;
  return guard;
}

}  // namespace

std::int64_t oldest_joint_ns(const JointState& state) noexcept {
  return *std::min_element(state.joint_t_ns.begin(), state.joint_t_ns.begin() + state.n);
}

OutputStage::OutputStage(const ControlConfig& config) : gate_(config.limits), guard_(guard_config(config)) {}

bool OutputStage::arm(const PerJoint<float>& measured_rad) noexcept {
  gate_.reset();
  if (!gate_.arm({measured_rad.data(), gate_.joints()})) return false;
  guard_.clear();
  goal_rad_ = measured_rad;
  return true;
}

void OutputStage::stop() noexcept {
  gate_.reset();
  gate_.arm({goal_rad_.data(), gate_.joints()});
}

GatedGoal OutputStage::apply(std::int64_t now_ns, const JointState& state, const PerJoint<float>& wanted_rad,
                             mtr_verdict& verdict) noexcept {
  // The setpoint was computed for this tick, so its age is zero; missing chunks show as an underflow instead.
  const mtr_limits_input input{wanted_rad.data(),      state.position_rad.data(),
                               state.effort.data(),    now_ns,
                               oldest_joint_ns(state), now_ns};
  const GatedGoal goal = gate_.apply(input, &verdict);
  goal_rad_ = goal.position_rad();
  return goal;
}

}  // namespace motorium
