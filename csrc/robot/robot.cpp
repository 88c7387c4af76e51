#include "robot/robot.hpp"

#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "io/monotonic.hpp"
#include "robot/fault_causes.hpp"
#include "robot/requests.hpp"
#include "robot/self_check.hpp"
#include "robot/waiting.hpp"

namespace motorium {
namespace {

constexpr double kDeclaredFraction = 0.95;  // of the declared distribution; a committed row costs little
constexpr double kRounding = 1e-9;          // in a sum of weights

}  // namespace

std::int64_t declared_latency_ns(const PolicyTiming& policy) noexcept {
  if (policy.latency_s.empty()) return 0;
  const double all = std::accumulate(policy.latency_weight.begin(), policy.latency_weight.end(), 0.0);
  std::size_t i = 0;
  double reached = policy.latency_weight[0];
  while (i + 1 < policy.latency_s.size() && reached / all < kDeclaredFraction - kRounding)
    reached += policy.latency_weight[++i];
  return std::llrint(policy.latency_s[i] * 1e9);
}

Robot::Robot(RobotConfig config, OpenBus open, Interrupt interrupt)
    : Robot(std::move(config), open(), open, std::move(interrupt)) {}

Robot::Robot(RobotConfig config, std::unique_ptr<JointBus> bus, OpenBus open, Interrupt interrupt)
    : config_(std::move(config)),
      open_(std::move(open)),
      interrupt_(std::move(interrupt)),
      latency_(bus->latency()),
      loop_(config_.control, std::move(bus)) {
  if (!config_.joints.empty()) slots_ = slot_map(config_);
}

Problems Robot::wait_until_heard(double timeout_s) const {
  return motorium::wait_until_heard(loop_, timeout_s, interrupt_);
}

Problems Robot::power_up(double timeout_s) {
  Problems problems = self_check(config_.joints, loop_.state());
  if (!problems.empty()) return problems;
  if (!enable(timeout_s)) return why_no_torque();
  release_springs();
  return {};
}

Problems Robot::why_no_torque() const {
  const Reason reason = loop_.core_snapshot().reason;
  if (reason != Reason::none && reason != Reason::bus_errors) return {{Cause::refused}};
  const double max_age_s = static_cast<double>(config_.control.limits.max_state_age_ns) * 1e-9;
  // reads were suspended while torque was tried
  wait_until(2.0 * max_age_s, interrupt_, [] { return false; });
  Problems problems = stale(loop_.state(), max_age_s, monotonic_ns());
  if (!problems.empty()) return problems;
  const std::string setting = loop_.torque_problem();
  if (!setting.empty()) return {{Cause::setting, Problem::kWholeArm, 0.0, 0.0, 0.0, 0, setting}};
  const double failures = loop_.loop_snapshot().torque_failures;
  return {{Cause::unconfirmed, Problem::kWholeArm, failures}};
}

void Robot::release_springs() {
  bool by_hand = false;
  PerJoint<float> pose = loop_.state().position_rad;
  if (config_.buses.empty()) return;
  for (std::size_t j = 0; j < config_.joints.size(); ++j) {
    if (servo_of(config_, j).passive)
      by_hand = true;
    else
      pose[j] = static_cast<float>(config_.joints[j].home_rad);
  }
  if (by_hand) loop_.move_to(pose, config_.control.approach_velocity_share);
}

Problems Robot::reconnect(double timeout_s) {
  motorium::reconnect(loop_, open_, timeout_s, interrupt_);
  Problems silent = wait_for_readings(loop_, kFirstReadingS, interrupt_);
  return silent.empty() ? jumped(loop_.core_snapshot()) : silent;
}

bool Robot::enable(double timeout_s) { return motorium::enable(loop_, timeout_s, interrupt_); }

MoveEnd Robot::slew(const PerJoint<float>& target_rad, float fraction, double timeout_s) {
  return motorium::slew(loop_, target_rad, fraction, timeout_s, interrupt_);
}

bool Robot::move_to(const PerJoint<float>& target_rad, float fraction, double timeout_s) {
  if (timeout_s > 0.0) return slew(target_rad, fraction, timeout_s) == MoveEnd::arrived;
  return loop_.move_to(target_rad, fraction) != 0;
}

bool Robot::park(double timeout_s) { return motorium::park(loop_, timeout_s, interrupt_); }

void Robot::hold() { motorium::hold(loop_, interrupt_); }

void Robot::release() { motorium::release(loop_, interrupt_); }

void Robot::estop() { motorium::estop(loop_, interrupt_); }

bool Robot::reset_estop(double timeout_s) { return motorium::reset_estop(loop_, timeout_s, interrupt_); }

bool Robot::accept_position() { return motorium::accept_position(loop_, interrupt_); }

const SlotMap& Robot::slots() const {
  if (!slots_) throw std::logic_error("this robot was opened without joints: it has no slots");
  return *slots_;
}

PushStatus Robot::push_slots(const SlotChunk& chunk) {
  const SlotMap& map = slots();
  if (chunk.rows > kMaxChunkRows || chunk.values.size() != std::size_t{chunk.rows} * kSlots)
    return PushStatus::malformed;
  std::array<float, std::size_t{kMaxChunkRows} * kMaxJoints> rows_rad;
  const std::span<float> rows(rows_rad.data(), chunk.rows * map.joints());
  map.gather_rows(chunk.values, chunk.rows, rows);
  return loop_.push_chunk({rows, chunk.rows, chunk.t0_ns, chunk.dt_ns, chunk.delay, chunk.final});
}

void Robot::committed_slots(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                            std::span<float> out) const {
  const SlotMap& map = slots();
  std::vector<float> rows_rad(rows * map.joints());
  loop_.committed(t0_ns, dt_ns, rows, rows_rad);
  map.scatter_rows(rows_rad, rows, out);
}

Problems Robot::why_stopped() const { return fault_causes(loop_, config_.joints, monotonic_ns()); }

LoopStats Robot::stats() const { return stats_of(loop_, latency_, telemetry_.overwritten()); }

std::optional<JointSample> Robot::state_at(std::int64_t t_ns) const {
  return motorium::state_at(loop_, t_ns);
}

std::optional<PerJoint<float>> Robot::setpoint_at(std::int64_t t_ns) const {
  PerJoint<float> setpoint_rad;
  return loop_.setpoint_at(t_ns, setpoint_rad) ? std::optional(setpoint_rad) : std::nullopt;
}

std::vector<ArmState> Robot::last_states(std::size_t most) const {
  return motorium::last_states(loop_, most);
}

Scheduler Robot::schedule(const Pace& pace) const {
  return Scheduler(pace, declared_latency_ns(config_.policy));
}

}  // namespace motorium
