// What the setpoint follows: a plan, a slew, a stream, or a place to rest at; and how it changes over.

#include <algorithm>
#include <cmath>

#include "runtime/control_core.hpp"

namespace motorium {
namespace {

constexpr float kSameSetpoint_rad = 1e-5f;  // float32 rounding of two ways to the same number
constexpr float kFollows_rad = 0.02f;       // a goal this close follows its setpoint
constexpr float kStreamSpeedShare = 0.25f;  // a leader's encoder steps: its speed is smoothed over 4 ticks

}  // namespace

/// Stands still at `position_rad` at once, without a transition.
void ControlCore::rest_at(const PerJoint<float>& position_rad) noexcept {
  setpoint_ = source_ = Motion{position_rad, {}, {}};
  transition_.clear();
  stop_pending_ = false;
  lag_rad_ = {};
  now_.setpoint_rad = position_rad;
}

/// A source may ask for more than the gate allows; the arm is then far behind the setpoint. Whatever stops it
/// begins where the goal is, or the arm would run on for as long as it lags.
void ControlCore::take_up_lag() noexcept {
  for (std::uint32_t j = 0; j < joints(); ++j) {
    if (!(std::abs(lag_rad_[j]) > kFollows_rad)) continue;
    setpoint_.position_rad[j] -= lag_rad_[j];
    setpoint_.velocity_rad_s[j] = gate_.velocity_rad_s(j);
    setpoint_.acceleration_rad_s2[j] = 0.0f;
  }
  lag_rad_ = {};
}

/// Where no bounded motion to the source exists nothing is followed: the gate brakes the arm to a stand.
void ControlCore::stand_unplanned() noexcept {
  end_move(MoveEnd::unplanned);
  void_plan();
  take_up_lag();
  rest_at(setpoint_.position_rad);
  now_.streaming = false;
  set_mode(Mode::holding, Reason::unplanned);
}

/// The source was something else until `t_ns`, the time of the last setpoint. False: the arm stands instead.
bool ControlCore::join(std::int64_t t_ns, const Motion& source) noexcept {
  if (!transition_.join(joints(), t_ns, setpoint_, source)) {
    stand_unplanned();
    return false;
  }
  source_ = source;
  stop_pending_ = false;
  ++now_.joins;
  return true;
}

/// The place to rest at is where the bounds let every joint stop.
bool ControlCore::come_to_rest(std::int64_t t_ns) noexcept {
  take_up_lag();
  Motion rest;
  for (std::uint32_t j = 0; j < joints(); ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    rest.position_rad[j] = std::clamp(transition_.rest_rad(j, setpoint_), limits.lower_rad, limits.upper_rad);
  }
  return join(t_ns, rest);
}

void ControlCore::move_setpoint(std::int64_t now_ns) noexcept {
  setpoint_ = source_;
  if (transition_.active()) transition_.add(now_ns, setpoint_);
  now_.setpoint_rad = setpoint_.position_rad;
}

/// First to rest, then straight to the target. False: no such slew can be computed, and the arm comes to
/// rest.
bool ControlCore::start_slew(std::int64_t last_ns, std::int64_t now_ns) noexcept {
  PerJoint<mtr_profile_limits> bounds{};
  for (std::uint32_t j = 0; j < joints(); ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    bounds[j] = slew_limits(config_, j, slew_share_);
    slew_target_[j] = std::clamp(slew_target_[j], limits.lower_rad, limits.upper_rad);
  }
  slew_pending_ = false;
  arrival_.start(slew_target_);
  if (!come_to_rest(last_ns)) return false;
  const std::int64_t start_ns = std::max(now_ns, transition_.end_ns());
  if (slew_.start(joints(), start_ns, source_.position_rad, slew_target_, bounds)) return true;
  end_move(MoveEnd::unplanned);
  set_mode(Mode::holding, Reason::unplanned);
  return false;
}

/// The arm has arrived, or will not: its report says which.
void ControlCore::finish_slew() noexcept {
  ++now_.moves_done;
  now_.arrival = arrival_.report();
  const bool missed = now_.arrival.missed != 0;
  if (parking_) {
    if (missed && now_.reason == Reason::parking) now_.reason = Reason::park_timed_out;
    release();
    return;
  }
  end_move(missed ? MoveEnd::missed : MoveEnd::arrived);
  set_mode(Mode::holding, Reason::none);
}

void ControlCore::follow_slew(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept {
  if (parking_ && now_ns - park_start_ns_ > config_.park_timeout_ns) {
    arrival_.decide(now_ns, state, fresh(state, now_ns));
    now_.arrival = arrival_.report();
    now_.reason = Reason::park_timed_out;
    release();
    return;
  }
  if (rearm_pending_) {
    if (!arm(state, now_ns)) return;
    rearm_pending_ = false;
  }
  if (slew_pending_ && !start_slew(last_ns, now_ns)) {
    if (parking_) release();  // there is no way to the rest pose
    move_setpoint(now_ns);
    return;
  }
  slew_.sample(now_ns, source_);
  move_setpoint(now_ns);
  if (now_ns >= slew_.end_ns() && arrival_.decide(now_ns, state, fresh(state, now_ns))) finish_slew();
}

/// The pushing thread may be interrupted between reading the clock and publishing; the plan then changes
/// where the arm has already been. What the new plan says about the last tick, against what was done, is
/// brought to nothing from there.
bool ControlCore::adopt(const Plan& plan, std::int64_t last_ns) noexcept {
  events_ |= kEventStitch | (plan.late ? kEventLateChunk : 0u) | (plan.approach ? kEventApproach : 0u);
  seam_ = plan.seam;
  Motion there;
  plan.sample(last_ns, there.position_rad);
  float largest = 0.0f;
  for (std::uint32_t j = 0; j < joints(); ++j)
    largest = std::max(largest, std::abs(source_.position_rad[j] - there.position_rad[j]));
  if (largest <= kSameSetpoint_rad && !stop_pending_) return true;
  plan.slope_before(last_ns, there.velocity_rad_s);
  plan.curvature_before(last_ns, there.acceleration_rad_s2);
  if (!join(last_ns, there)) return false;
  now_.handover_jump_max_rad = std::max(now_.handover_jump_max_rad, largest);
  return true;
}

void ControlCore::follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept {
  const Plan& plan = buffer_.plan();
  const bool planned = plan.version != 0 && plan.epoch == now_.epoch;
  if (planned && new_plan && !adopt(plan, last_ns)) return;
  if (!planned) {  // nothing to follow: stand still
    if (stop_pending_) come_to_rest(last_ns);
    move_setpoint(now_ns);
    return;
  }
  const bool over = now_ns > plan.end_ns();
  const bool ends = over && (now_.mode == Mode::running || new_plan);  // a plan may come when its time is up
  plan.sample(now_ns, source_.position_rad);
  plan.slope_before(now_ns, source_.velocity_rad_s);
  plan.curvature_before(now_ns, source_.acceleration_rad_s2);
  if (over && now_.mode == Mode::running && !join(last_ns, Motion{source_.position_rad, {}, {}})) return;
  move_setpoint(now_ns);
  if (!over) {
    set_mode(Mode::running, Reason::none);
  } else if (ends && plan.final) {
    set_mode(Mode::holding, Reason::none);
  } else if (ends) {
    ++now_.underflows;
    events_ |= kEventUnderflow;
    underflow_ns_ = now_ns;
    set_mode(Mode::holding, Reason::underflow);
  } else if (now_.reason == Reason::underflow && config_.fallback != RestPolicy::hold &&
             now_ns - underflow_ns_ > config_.fallback_after_ns) {
    fall_back();
  }
}

void ControlCore::stream(const PerJoint<float>& goal_rad, std::uint64_t epoch) noexcept {
  stream_given_ = epoch == now_.epoch;
  if (!stream_given_) return;
  for (std::uint32_t j = 0; j < joints(); ++j)
    stream_rad_[j] =
        std::clamp(goal_rad[j], config_.limits.joint[j].lower_rad, config_.limits.joint[j].upper_rad);
}

void ControlCore::follow_stream(std::int64_t last_ns, std::int64_t now_ns) noexcept {
  if (!now_.streaming) {
    now_.streaming = true;
    ++now_.streams;
    events_ |= kEventStitch;
    ramp_.start(joints(), now_ns, now_.setpoint_rad, stream_rad_, approach_rad_s_);
    if (!join(last_ns, Motion{setpoint_.position_rad, {}, {}})) return;  // the ramp starts from rest
  }
  const PerJoint<float> before = source_.position_rad;
  ramp_.sample(now_ns, stream_rad_, source_.position_rad);
  const auto dt_s = static_cast<float>(std::max<std::int64_t>(now_ns - last_ns, 1)) * 1e-9f;
  for (std::uint32_t j = 0; j < joints(); ++j) {
    const float speed = (source_.position_rad[j] - before[j]) / dt_s;
    source_.velocity_rad_s[j] += kStreamSpeedShare * (speed - source_.velocity_rad_s[j]);
  }
  source_.acceleration_rad_s2 = {};
  move_setpoint(now_ns);
  set_mode(Mode::running, Reason::none);
}

/// Also voids every plan: one pushed meanwhile says nothing about where the arm is now.
void ControlCore::end_stream() noexcept {
  now_.streaming = false;
  if (now_.mode != Mode::running) return;
  void_plan();
  stop_pending_ = true;
  ++now_.underflows;
  ++now_.streams_lost;
  events_ |= kEventUnderflow;
  set_mode(Mode::holding, Reason::underflow);
}

}  // namespace motorium
