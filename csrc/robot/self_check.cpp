#include "robot/self_check.hpp"

#include <algorithm>

#include "io/monotonic.hpp"
#include "robot/waiting.hpp"

namespace motorium {
namespace {

bool within(double value, double low, double high) noexcept { return value >= low && value <= high; }

double age_s(const JointState& state, std::uint32_t j, std::int64_t now_ns) noexcept {
  return static_cast<double>(now_ns - state.joint_t_ns[j]) * 1e-9;
}

}  // namespace

Problems self_check(std::span<const RobotJoint> joints, const JointState& state) {
  Problems found;
  for (std::uint32_t j = 0; j < joints.size(); ++j) {
    const RobotJoint& joint = joints[j];
    const double volts = static_cast<double>(state.voltage_v[j]);
    const double celsius = static_cast<double>(state.temperature_c[j]);
    const double position_rad = static_cast<double>(state.position_rad[j]);
    if (!within(volts, joint.min_supply_v, joint.max_supply_v))
      found.push_back({Cause::supply, j, volts, joint.min_supply_v, joint.max_supply_v});
    if (celsius > joint.hot_c) found.push_back({Cause::heat, j, celsius, 0.0, joint.hot_c});
    if (!within(position_rad, joint.min_position_rad, joint.max_position_rad))
      found.push_back({Cause::position, j, position_rad, joint.min_position_rad, joint.max_position_rad});
  }
  for (std::uint32_t j = 0; j < joints.size(); ++j)
    if ((state.status[j] & joints[j].forbids_torque) != 0)
      found.push_back({Cause::servo_fault, j, 0.0, 0.0, 0.0, state.status[j]});
  return found;
}

Problems unheard(std::uint32_t joints, const JointState& state) {
  Problems found;
  for (std::uint32_t j = 0; j < joints; ++j)
    if (j >= state.n || state.joint_t_ns[j] == 0) found.push_back({Cause::unheard, j});
  return found;
}

Problems stale(const JointState& state, double max_age_s, std::int64_t now_ns) {
  Problems found;
  for (std::uint32_t j = 0; j < state.n; ++j)
    if (const double age = age_s(state, j, now_ns); age > max_age_s)
      found.push_back({Cause::stale, j, age, 0.0, max_age_s});
  return found;
}

Problems jumped(const CoreSnapshot& core) {
  Problems found;
  for (std::uint32_t j = 0; j < core.joints; ++j)
    if ((core.jumped >> j & 1u) != 0)
      found.push_back({Cause::jumped, j, static_cast<double>(core.jump_rad[j])});
  return found;
}

Problems missed(const CoreSnapshot& core) {
  Problems found;
  for (std::uint32_t j = 0; j < core.joints; ++j) {
    if ((core.arrival.missed >> j & 1u) == 0) continue;
    Problem& problem =
        found.emplace_back(Cause::missed, j, static_cast<double>(core.arrival.position_rad[j]));
    problem.goal_rad = static_cast<double>(core.arrival.target_rad[j]);
  }
  return found;
}

Problems wait_until_heard(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt) {
  Problems silent;
  wait_until(timeout_s, interrupt, [&] {
    silent = unheard(loop.joints(), loop.state());
    return silent.empty();
  });
  return silent;
}

Problems wait_for_readings(const ControlLoop& loop, double timeout_s, const Interrupt& interrupt) {
  const std::int64_t since_ns = monotonic_ns();
  const bool all = wait_until(timeout_s, interrupt, [&] {
    const JointState state = loop.state();
    return state.n > 0 &&
           *std::min_element(state.joint_t_ns.begin(), state.joint_t_ns.begin() + state.n) >= since_ns;
  });
  if (all) return {};
  const JointState state = loop.state();
  Problems silent =
      stale(state, static_cast<double>(loop.config().limits.max_state_age_ns) * 1e-9, monotonic_ns());
  return silent.empty() ? unheard(loop.joints(), state) : silent;
}

}  // namespace motorium
