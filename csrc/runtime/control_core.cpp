#include "runtime/control_core.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace motorium {
namespace {

constexpr std::int64_t kLongestTravelNs = 100'000'000;  // unheard of for longer, an arm is held or limp

const ControlConfig& checked(const ControlConfig& config) {
  check(config);
  return config;
}

mtr_guard_config guard_config(const ControlConfig& config) {
  mtr_guard_config guard = config.guard;
  guard.dt_s = config.limits.dt_s;
  return guard;
}

PerJoint<mtr_profile_limits> transition_limits(const ControlConfig& config) noexcept {
  PerJoint<mtr_profile_limits> limits{};
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) limits[j] = transition_limits(config, j);
  return limits;
}

constexpr float kOvershoot_rad = 0.1f;  // a plan may ask for, so that the gate's counters tell of it

/// A turn beyond each limit, or as far as the joint travels between them: what a policy overshoots is less,
/// degrees or ticks are soon more.
Meaning meaning_of(const ControlConfig& config) noexcept {
  Meaning all;
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config.limits.joint[j];
    const float beyond = std::max(limits.upper_rad - limits.lower_rad, 2.0f * std::numbers::pi_v<float>);
    all.lower_rad[j] = limits.lower_rad - kOvershoot_rad;
    all.upper_rad[j] = limits.upper_rad + kOvershoot_rad;
    all.lowest_rad[j] = limits.lower_rad - beyond;
    all.highest_rad[j] = limits.upper_rad + beyond;
  }
  return all;
}

ApproachLimits approach_limits(const ControlConfig& config) noexcept {
  ApproachLimits limits{{}, config.start_gap_rad};
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j)
    limits.speed_rad_s[j] = config.approach_velocity_share * config.limits.joint[j].max_velocity_rad_s;
  return limits;
}

std::int64_t oldest_joint_ns(const JointState& state) noexcept {
  return *std::min_element(state.joint_t_ns.begin(), state.joint_t_ns.begin() + state.n);
}

}  // namespace

ControlCore::ControlCore(const ControlConfig& config)
    : config_(checked(config)),
      gate_(config.limits),
      guard_(guard_config(config)),
      buffer_(config.limits.n_joints, config.blend_ns, meaning_of(config), approach_limits(config)),
      arrival_(config),
      transition_(transition_limits(config)),
      approach_rad_s_(approach_limits(config).speed_rad_s) {
  now_.joints = joints();
  publish();
}

void ControlCore::set_mode(Mode mode, Reason reason) noexcept {
  if (mode != now_.mode) events_ |= kEventModeChange;
  now_.mode = mode;
  now_.reason = reason;
}

bool ControlCore::fresh(const JointState& state, std::int64_t now_ns) const noexcept {
  return state.n == joints() && now_ns - oldest_joint_ns(state) <= config_.limits.max_state_age_ns;
}

/// A joint cannot be elsewhere than where it was a reading ago: its servo has restarted and lost count, sits
/// on another bus than before, or was turned by hand while nobody looked.
void ControlCore::watch_continuity(const JointState& state) noexcept {
  for (std::uint32_t j = 0; j < state.n && j < joints(); ++j) {
    if (state.joint_t_ns[j] <= known_ns_[j]) continue;
    const float moved = state.position_rad[j] - known_rad_[j];
    const std::int64_t gap_ns = std::min(state.joint_t_ns[j] - known_ns_[j], kLongestTravelNs);
    const float way = config_.limits.joint[j].max_velocity_rad_s * static_cast<float>(gap_ns) * 1e-9f;
    if (known_ns_[j] > 0 && !(std::abs(moved) <= config_.position_jump_rad + way)) {
      now_.jumped |= joint_bit(j);
      now_.jump_rad[j] = moved;
    }
    known_rad_[j] = state.position_rad[j];
    known_ns_[j] = state.joint_t_ns[j];
  }
  if (now_.jumped != 0 && (now_.torque || enable_pending_)) fault(Reason::position_jump);
}

void ControlCore::accept_position() noexcept {
  now_.jumped = 0;
  if (now_.reason == Reason::position_jump && !now_.torque) set_mode(Mode::released, at_rest_reason());
  publish();
}

bool ControlCore::arm(const JointState& state, std::int64_t now_ns) noexcept {
  if (!fresh(state, now_ns) || now_.jumped != 0) return false;
  gate_.reset();
  if (!gate_.arm({state.position_rad.data(), joints()})) return false;
  guard_.clear();
  rest_at(state.position_rad);
  now_.goal_rad = state.position_rad;
  return true;
}

void ControlCore::end_move(MoveEnd end) noexcept {
  if (now_.mode == Mode::moving && !parking_) now_.move_end = end;
}

void ControlCore::move_to(const PerJoint<float>& target_rad, float share, std::uint64_t ticket) noexcept {
  if (!now_.torque || parking_ || now_.mode == Mode::fault) return;
  now_.move_ticket = ticket;
  now_.move_end = MoveEnd::none;
  bool sane = share > 0.0f && share <= 1.0f;
  for (std::uint32_t j = 0; j < joints(); ++j) sane = sane && std::isfinite(target_rad[j]);
  void_plan();
  set_mode(Mode::moving, Reason::none);
  if (sane) {
    slew_target_ = target_rad;
    slew_share_ = share;
    slew_pending_ = true;
  } else {
    end_move(MoveEnd::unplanned);
    hold(Reason::unplanned);
  }
  publish();
}

void ControlCore::cancel_move(std::uint64_t ticket) noexcept {
  if (now_.mode != Mode::moving || parking_ || now_.move_ticket != ticket) return;
  hold();
  now_.move_end = MoveEnd::cancelled;
  publish();
}

void ControlCore::hold(Reason reason) noexcept {
  if (!now_.torque || parking_ || now_.mode == Mode::fault) return;
  if (reason != Reason::unplanned)
    end_move(reason == Reason::bus_errors ? MoveEnd::bus_errors : MoveEnd::held);
  void_plan();
  slew_pending_ = false;
  stop_pending_ = true;
  set_mode(Mode::holding, reason);
  publish();
}

void ControlCore::park() noexcept { start_parking(Reason::parking); }

void ControlCore::start_parking(Reason reason) noexcept {
  enable_pending_ = false;
  if (now_.estop) return;
  if (!now_.torque) {
    set_mode(Mode::released, at_rest_reason());
  } else if (!parking_) {
    end_move(reason == Reason::protection ? MoveEnd::protection : MoveEnd::parked);
    void_plan();
    parking_ = true;
    rearm_pending_ = now_.mode == Mode::fault;
    slew_target_ = config_.rest_rad;
    slew_share_ = config_.approach_velocity_share;
    slew_pending_ = true;
    park_start_ns_ = now_.t_ns;
    set_mode(Mode::moving, reason);
  }
  publish();
}

void ControlCore::release() noexcept {
  end_move(MoveEnd::released);
  void_plan();
  enable_pending_ = slew_pending_ = rearm_pending_ = parking_ = false;
  torque_request_ = TorqueRequest::off;
  now_.torque = false;
  const bool stays = now_.reason == Reason::park_timed_out || now_.reason == Reason::protection;
  if (!now_.estop) set_mode(Mode::released, stays ? now_.reason : at_rest_reason());
  publish();
}

void ControlCore::lose_supervisor() noexcept {
  if (now_.unsupervised) return;
  now_.unsupervised = true;
  start_parking(Reason::unsupervised);
  if (!now_.estop) now_.reason = Reason::unsupervised;
  publish();
}

void ControlCore::fault(Reason reason) noexcept {
  if (now_.estop || (now_.mode == Mode::fault && now_.reason == reason)) return;
  end_move(reason == Reason::estop ? MoveEnd::estop : MoveEnd::fault);
  void_plan();
  slew_pending_ = enable_pending_ = parking_ = false;
  take_up_lag();
  rest_at(setpoint_.position_rad);
  set_mode(Mode::fault, reason);
  publish();
}

void ControlCore::torque_refused(Reason reason) noexcept {
  fault(reason);
  now_.torque = false;
  publish();
}

void ControlCore::reconnected() noexcept {
  end_move(MoveEnd::released);
  void_plan();
  enable_pending_ = slew_pending_ = rearm_pending_ = parking_ = false;
  torque_request_ = TorqueRequest::none;
  now_.torque = now_.unsupervised = false;
  if (!now_.estop) set_mode(Mode::released, Reason::none);
  publish();
}

void ControlCore::estop() noexcept {
  if (now_.estop) return;
  fault(Reason::estop);
  now_.estop = true;
  ++now_.estops;
  events_ |= kEventEstop;
  limp_at_ns_ = 0;
  rest_at(now_.goal_rad);
  if (now_.torque) {  // the gate would brake at its bounded deceleration; anew, it stands where it is
    gate_.reset();
    gate_.arm({now_.goal_rad.data(), joints()});
  }
  publish();
}

bool ControlCore::reset_estop() noexcept {
  if (!now_.estop) return true;
  if (now_.torque) return false;
  now_.estop = false;
  set_mode(Mode::released, at_rest_reason());
  publish();
  return true;
}

void ControlCore::fall_back() noexcept {
  events_ |= kEventFallback;
  ++now_.fallbacks;
  if (config_.fallback == RestPolicy::park) {
    park();
  } else if (config_.fallback == RestPolicy::release) {
    release();
  }
}

/// Servos yield before they protect themselves; one that cannot be helped so ends the run at the rest pose.
void ControlCore::protect(const JointState& state, PerJoint<float>& wish_rad) noexcept {
  const mtr_guard_verdict care = guard_.step(state, wish_rad);
  now_.guard = guard_.counters();
  now_.guard_bits = guard_.bits();
  if (care != MTR_GUARD_STOP || parking_ || now_.mode == Mode::fault) return;
  start_parking(Reason::protection);
}

void ControlCore::apply_gate(std::int64_t now_ns, const JointState& state, TickResult& result) noexcept {
  // A setpoint is computed for this very tick, so its age is nil; how long chunks may stay away is the
  // underflow's matter.
  PerJoint<float> wish_rad = now_.setpoint_rad;
  protect(state, wish_rad);
  const mtr_limits_input input{wish_rad.data(), state.position_rad.data(), state.effort.data(),
                               now_ns,          oldest_joint_ns(state),    now_ns};
  result.goal = gate_.apply(input, &result.verdict);
  now_.goal_rad = result.goal->position_rad();
  for (std::uint32_t j = 0; j < joints(); ++j) lag_rad_[j] = wish_rad[j] - now_.goal_rad[j];
  if (result.verdict != MTR_TRIPPED || now_.mode == Mode::fault) return;
  if (parking_) {  // keep trying until the park deadline: an arm must not stay up because of one bad second
    rearm_pending_ = slew_pending_ = true;
  } else {
    fault(Reason::gate_tripped);
  }
}

TickResult ControlCore::tick(std::int64_t now_ns, const JointState& state) noexcept {
  TickResult result;
  ++now_.ticks;
  const std::int64_t last_ns = now_.t_ns;
  now_.t_ns = now_ns;
  const bool new_plan = buffer_.refresh();
  watch_continuity(state);
  bool enabled_now = false;
  if (enable_pending_ && !now_.torque && arm(state, now_ns)) {
    enable_pending_ = false;
    enabled_now = now_.torque = true;
    void_plan();
    set_mode(Mode::holding, Reason::none);
  }
  if (now_.estop && now_.torque) {
    if (limp_at_ns_ == 0) limp_at_ns_ = now_ns + config_.estop_hold_ns;
    if (now_ns >= limp_at_ns_) release();
  }
  const bool ready = now_.mode == Mode::running || now_.mode == Mode::holding;
  const bool streamed = ready && stream_given_ && now_.reason != Reason::bus_errors;
  if (now_.streaming && !streamed) end_stream();
  stream_given_ = false;
  if (now_.mode == Mode::moving) {
    follow_slew(last_ns, now_ns, state);
  } else if (streamed) {
    follow_stream(last_ns, now_ns);
  } else if (ready) {
    follow_plan(last_ns, now_ns, new_plan);
  }
  if (now_.torque && state.n == joints()) apply_gate(now_ns, state, result);
  result.torque = enabled_now ? TorqueRequest::on : torque_request_;
  torque_request_ = TorqueRequest::none;
  now_.gate = gate_.counters();
  now_.gate_causes = gate_.causes();
  result.events = events_;
  result.seam = seam_;
  events_ = 0;
  seam_ = {};
  publish();
  return result;
}

PushStatus ControlCore::push_chunk(const ChunkView& chunk, std::int64_t now_ns) noexcept {
  const CoreSnapshot seen = published_.read();
  const bool follows = seen.mode == Mode::running || seen.mode == Mode::holding;
  if (!follows || seen.reason == Reason::bus_errors) return PushStatus::not_running;
  return buffer_.push(chunk, now_ns, {seen.epoch, seen.t_ns, seen.setpoint_rad});
}

void ControlCore::committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                            std::span<float> out_rad) const noexcept {
  const CoreSnapshot seen = published_.read();
  buffer_.committed(t0_ns, dt_ns, rows, {seen.epoch, seen.t_ns, seen.setpoint_rad}, out_rad);
}

}  // namespace motorium
