// What the setpoint follows: a plan, a slew, a stream, or a place to rest at; and how it changes over.

#include <algorithm>
#include <cmath>

#include "runtime/control_core.hpp"

namespace motorium {
namespace {

constexpr double kSlewRampS = 0.25;         // a slew takes at least this long to reach full speed
constexpr float kSameSetpoint_rad = 1e-5f;  // float32 rounding of two ways to the same number
constexpr float kStreamSpeedShare = 0.25f;  // a leader's encoder steps: its speed is smoothed over 4 ticks
constexpr std::int64_t kSettleNs =
    1'000'000'000;  // after the park slew, wait this long for the arm to follow

}  // namespace

/// Stands still at `position_rad` at once, without a transition.
void ControlCore::rest_at(const PerJoint<float>& position_rad) noexcept {
  setpoint_ = source_ = Motion{position_rad, {}, {}};
  transition_.clear();
  stop_pending_ = false;
  now_.setpoint_rad = position_rad;
}

/// The source was something else until `t_ns`, the time of the last setpoint.
void ControlCore::join(std::int64_t t_ns, const Motion& source) noexcept {
  transition_.join(joints(), t_ns, setpoint_, source);
  source_ = source;
  stop_pending_ = false;
  ++now_.joins;
}

/// The place to rest at is where the bounds let every joint stop.
void ControlCore::come_to_rest(std::int64_t t_ns) noexcept {
  Motion rest;
  for (std::uint32_t j = 0; j < joints(); ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    rest.position_rad[j] = std::clamp(transition_.rest_rad(j, setpoint_), limits.lower_rad, limits.upper_rad);
  }
  join(t_ns, rest);
}

void ControlCore::move_setpoint(std::int64_t now_ns) noexcept {
  setpoint_ = source_;
  if (transition_.active()) transition_.add(now_ns, setpoint_);
  now_.setpoint_rad = setpoint_.position_rad;
}

/// First to rest, then straight to the target.
void ControlCore::start_slew(std::int64_t last_ns, std::int64_t now_ns) noexcept {
  PerJoint<mtr_profile_limits> bounds{};
  for (std::uint32_t j = 0; j < joints(); ++j) {
    const mtr_joint_limits& limits = config_.limits.joint[j];
    const double share = static_cast<double>(slew_share_);
    const double velocity = share * static_cast<double>(limits.max_velocity_rad_s);
    bounds[j] = transition_limits(config_, j);
    bounds[j].max_velocity = velocity;
    bounds[j].max_acceleration = std::min(share * bounds[j].max_acceleration, velocity / kSlewRampS);
    slew_target_[j] = std::clamp(slew_target_[j], limits.lower_rad, limits.upper_rad);
  }
  come_to_rest(last_ns);
  const std::int64_t start_ns = std::max(now_ns, transition_.end_ns());
  slew_.start(joints(), start_ns, source_.position_rad, slew_target_, bounds);
  slew_pending_ = false;
}

void ControlCore::follow_slew(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept {
  if (parking_ && now_ns - park_start_ns_ > config_.park_timeout_ns) {
    now_.reason = Reason::park_timed_out;
    release();
    return;
  }
  if (rearm_pending_) {
    if (!arm(state, now_ns)) return;
    rearm_pending_ = false;
  }
  if (slew_pending_) start_slew(last_ns, now_ns);
  slew_.sample(now_ns, source_);
  move_setpoint(now_ns);
  if (now_ns < slew_.end_ns()) return;
  if (!parking_) {
    ++now_.moves_done;
    set_mode(Mode::holding, Reason::none);
  } else if ((fresh(state, now_ns) && at_rest(state)) || now_ns - slew_.end_ns() > kSettleNs) {
    ++now_.moves_done;
    release();
  }
}

/// The pushing thread may be interrupted between reading the clock and publishing; the plan then changes
/// where the arm has already been. What the new plan says about the last tick, against what was done, is
/// brought to nothing from there.
void ControlCore::adopt(const Plan& plan, std::int64_t last_ns) noexcept {
  events_ |= kEventStitch | (plan.late ? kEventLateChunk : 0u);
  seam_ = plan.seam;
  Motion there;
  plan.sample(last_ns, there.position_rad);
  float largest = 0.0f;
  for (std::uint32_t j = 0; j < joints(); ++j)
    largest = std::max(largest, std::abs(source_.position_rad[j] - there.position_rad[j]));
  if (largest <= kSameSetpoint_rad && !stop_pending_) return;
  plan.slope_before(last_ns, there.velocity_rad_s);
  plan.curvature_before(last_ns, there.acceleration_rad_s2);
  join(last_ns, there);
  now_.handover_jump_max_rad = std::max(now_.handover_jump_max_rad, largest);
}

void ControlCore::follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept {
  const Plan& plan = buffer_.plan();
  const bool planned = plan.version != 0 && plan.epoch == now_.epoch;
  if (planned && new_plan) adopt(plan, last_ns);
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
  if (over && now_.mode == Mode::running) join(last_ns, Motion{source_.position_rad, {}, {}});
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
    join(last_ns, Motion{setpoint_.position_rad, {}, {}});  // the ramp starts from rest
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
