#include "robot/fault_causes.hpp"

#include <algorithm>

#include "robot/self_check.hpp"

namespace motorium {
namespace {

/// Bits of the status byte that have a name.
std::uint32_t named_bits(const RobotJoint& joint) {
  std::uint32_t bits = 0;
  for (std::size_t bit = 0; bit < kStatusBits; ++bit)
    if (!joint.fault_names[bit].empty()) bits |= 1u << bit;
  return bits;
}

/// What servos report, joint by joint.
Problems reported(std::span<const RobotJoint> joints, const JointState& state) {
  Problems found;
  for (std::uint32_t j = 0; j < state.n && j < joints.size(); ++j) {
    const std::uint32_t bits = state.status[j] & named_bits(joints[j]);
    if (bits == 0) continue;
    const bool lost = (bits & joints[j].torque_lost) != 0;
    found.push_back({lost ? Cause::torque_lost : Cause::servo_fault, j, 0.0, 0.0, 0.0, bits});
  }
  return found;
}

Problems silent(std::span<const RobotJoint> joints, const JointState& state) {
  Problems found = reported(joints, state);
  const bool stopped =
      std::any_of(found.begin(), found.end(), [](const Problem& p) { return p.cause == Cause::torque_lost; });
  if (!stopped) found.insert(found.begin(), {Cause::silent});
  return found;
}

Problems protected_joints(const CoreSnapshot& core, const JointState& state) {
  Problems found;
  for (std::uint32_t j = 0; j < core.joints && j < state.n; ++j)
    if (core.guard_bits[j] != 0) {
      Problem& problem =
          found.emplace_back(Cause::protection, j, static_cast<double>(state.temperature_c[j]));
      problem.supply_v = static_cast<double>(state.voltage_v[j]);
      problem.bits = core.guard_bits[j];
    }
  if (found.empty()) found.push_back({Cause::protection});
  return found;
}

Problems tripped(const ControlLoop& loop, std::span<const RobotJoint> joints, const JointState& state,
                 std::int64_t now_ns) {
  Problems found{{Cause::gate_tripped, Problem::kWholeArm, 0.0, 0.0, 0.0, loop.core_snapshot().gate_causes}};
  const double max_age_s = static_cast<double>(loop.config().limits.max_state_age_ns) * 1e-9;
  for (Problem& problem : reported(joints, state)) found.push_back(std::move(problem));
  for (Problem& problem : stale(state, max_age_s, now_ns)) found.push_back(std::move(problem));
  return found;
}

}  // namespace

Problems fault_causes(const ControlLoop& loop, std::span<const RobotJoint> joints, std::int64_t now_ns) {
  const CoreSnapshot core = loop.core_snapshot();
  const bool at_rest = core.reason == Reason::protection || core.reason == Reason::unsupervised;
  if (core.mode != Mode::fault && !at_rest) return {};
  const JointState state = loop.state();
  switch (core.reason) {
    case Reason::bus_closed:
      return {{Cause::unplugged}};
    case Reason::bus_errors:
      return silent(joints, state);
    case Reason::position_jump:
      return jumped(core);
    case Reason::estop:
      return {{Cause::estop}};
    case Reason::unsupervised:
      return {{Cause::unsupervised}};
    case Reason::frozen:
      return {{Cause::frozen}};
    case Reason::protection:
      return protected_joints(core, state);
    default:
      return tripped(loop, joints, state, now_ns);
  }
}

}  // namespace motorium
