#include "runtime/control_core.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace motorium {
namespace {

constexpr double kSlewRampS = 0.25;          // a slew takes at least this long to reach full speed
constexpr float kRestTolerance_rad = 0.06f;  // a servo with friction stops about 3 degrees short
constexpr float kSameSetpoint_rad = 1e-5f;   // float32 rounding of two ways to the same number
constexpr std::int64_t kSettleNs =
    1'000'000'000;  // after the park slew, wait this long for the arm to follow

const ControlConfig& checked(const ControlConfig& config) {
  if (!mtr_limits_config_ok(&config.limits)) throw std::invalid_argument("joint limits are contradictory");
  if (!(config.rate_hz >= 1.0 && config.rate_hz <= 2000.0))
    throw std::invalid_argument("rate_hz must be in 1..2000");
  if (!(config.approach_velocity_share > 0.0f && config.approach_velocity_share <= 1.0f))
    throw std::invalid_argument("approach_velocity_share must be in (0, 1]");
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) {
    const mtr_joint_limits& limits = config.limits.joint[j];
    if (!(config.rest_rad[j] >= limits.lower_rad && config.rest_rad[j] <= limits.upper_rad))
      throw std::invalid_argument("the rest pose is outside the joint limits");
  }
  if (config.park_timeout_ns <= 0 || config.fallback_after_ns < 0 || config.blend_ns < 0)
    throw std::invalid_argument("park_timeout must be positive; fallback_after and blend not negative");
  return config;
}

mtr_guard_config guard_config(const ControlConfig& config) {
  mtr_guard_config guard = config.guard;
  guard.dt_s = config.limits.dt_s;
  return guard;
}

std::int64_t oldest_joint_ns(const JointState& state) noexcept {
  return *std::min_element(state.joint_t_ns.begin(), state.joint_t_ns.begin() + state.n);
}

}  // namespace

ControlCore::ControlCore(const ControlConfig& config)
    : config_(checked(config)),
      gate_(config.limits),
      guard_(guard_config(config)),
      buffer_(config.limits.n_joints, config.blend_ns) {
  for (std::uint32_t j = 0; j < joints(); ++j)
    approach_rad_s_[j] = config_.approach_velocity_share * config_.limits.joint[j].max_velocity_rad_s;
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

bool ControlCore::arm(const JointState& state, std::int64_t now_ns) noexcept {
  if (!fresh(state, now_ns)) return false;
  gate_.reset();
  if (!gate_.arm({state.position_rad.data(), joints()})) return false;
  guard_.clear();
  now_.setpoint_rad = now_.goal_rad = state.position_rad;
  return true;
}

void ControlCore::move_to(const PerJoint<float>& target_rad, float share) noexcept {
  if (!now_.torque || parking_ || now_.mode == Mode::fault) return;
  void_plan();
  slew_target_ = target_rad;
  slew_share_ = share > 0.0f && share <= 1.0f ? share : config_.approach_velocity_share;
  slew_pending_ = true;
  set_mode(Mode::moving, Reason::none);
  publish();
}

void ControlCore::hold(Reason reason) noexcept {
  if (!now_.torque || parking_ || now_.mode == Mode::fault) return;
  void_plan();
  slew_pending_ = false;
  set_mode(Mode::holding, reason);
  publish();
}

void ControlCore::park() noexcept {
  enable_pending_ = false;
  if (!now_.torque) {
    set_mode(Mode::released, Reason::none);
  } else if (!parking_) {
    void_plan();
    parking_ = true;
    rearm_pending_ = now_.mode == Mode::fault;
    slew_target_ = config_.rest_rad;
    slew_share_ = config_.approach_velocity_share;
    slew_pending_ = true;
    park_start_ns_ = now_.t_ns;
    set_mode(Mode::moving, Reason::parking);
  }
  publish();
}

void ControlCore::release() noexcept {
  void_plan();
  enable_pending_ = slew_pending_ = rearm_pending_ = parking_ = false;
  torque_request_ = TorqueRequest::off;
  now_.torque = false;
  const bool stays = now_.reason == Reason::park_timed_out || now_.reason == Reason::protection;
  set_mode(Mode::released, stays ? now_.reason : Reason::none);
  publish();
}

void ControlCore::fault(Reason reason) noexcept {
  if (now_.mode == Mode::fault && now_.reason == reason) return;
  void_plan();
  slew_pending_ = enable_pending_ = parking_ = false;
  set_mode(Mode::fault, reason);
  publish();
}

void ControlCore::start_slew(std::int64_t now_ns) noexcept {
  PerJoint<float> velocity{}, acceleration{};
  for (std::uint32_t j = 0; j < joints(); ++j) {
    velocity[j] = slew_share_ * config_.limits.joint[j].max_velocity_rad_s;
    acceleration[j] = std::min(slew_share_ * config_.limits.joint[j].max_acceleration_rad_s2,
                               velocity[j] / static_cast<float>(kSlewRampS));
    slew_target_[j] =
        std::clamp(slew_target_[j], config_.limits.joint[j].lower_rad, config_.limits.joint[j].upper_rad);
  }
  slew_.start(joints(), now_ns, now_.setpoint_rad, slew_target_, velocity, acceleration);
  slew_pending_ = false;
}

bool ControlCore::at_rest(const JointState& state) const noexcept {
  for (std::uint32_t j = 0; j < joints(); ++j)
    if (std::abs(state.position_rad[j] - config_.rest_rad[j]) > kRestTolerance_rad) return false;
  return true;
}

void ControlCore::follow_slew(std::int64_t now_ns, const JointState& state) noexcept {
  if (parking_ && now_ns - park_start_ns_ > config_.park_timeout_ns) {
    now_.reason = Reason::park_timed_out;
    release();
    return;
  }
  if (rearm_pending_) {
    if (!arm(state, now_ns)) return;
    rearm_pending_ = false;
  }
  if (slew_pending_) start_slew(now_ns);
  slew_.sample(now_ns, now_.setpoint_rad);
  if (now_ns < slew_.end_ns()) return;
  if (!parking_) {
    ++now_.moves_done;
    set_mode(Mode::holding, Reason::none);
  } else if ((fresh(state, now_ns) && at_rest(state)) || now_ns - slew_.end_ns() > kSettleNs) {
    ++now_.moves_done;
    release();
  }
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

/// The pushing thread may be interrupted between reading the clock and publishing; the plan then changes
/// where the arm has already been. What the new plan says about the last tick, against what was done, is
/// faded out from there.
void ControlCore::adopt(const Plan& plan, std::int64_t last_ns, std::int64_t now_ns) noexcept {
  events_ |= kEventStitch | (plan.late ? kEventLateChunk : 0u);
  plan.sample(last_ns, fade_rad_);
  float largest = 0.0f;
  for (std::uint32_t j = 0; j < joints(); ++j) {
    fade_rad_[j] = now_.setpoint_rad[j] - fade_rad_[j];
    largest = std::max(largest, std::abs(fade_rad_[j]));
  }
  fade_from_ns_ = now_ns;
  fading_ = largest > kSameSetpoint_rad;
  if (fading_) now_.handover_jump_max_rad = std::max(now_.handover_jump_max_rad, largest);
}

void ControlCore::follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept {
  const Plan& plan = buffer_.plan();
  if (plan.version == 0 || plan.epoch != now_.epoch) return;  // nothing to follow: stand still
  if (new_plan) adopt(plan, last_ns, now_ns);
  plan.sample(now_ns, now_.setpoint_rad);
  if (fading_) {
    const double gone =
        static_cast<double>(now_ns - fade_from_ns_) / static_cast<double>(config_.blend_ns + 1);
    const float left = static_cast<float>(std::max(0.0, 1.0 - gone));
    for (std::uint32_t j = 0; j < joints(); ++j) now_.setpoint_rad[j] += left * fade_rad_[j];
    fading_ = left > 0.0f;
  }
  if (now_ns <= plan.end_ns()) {
    set_mode(Mode::running, Reason::none);
  } else if (now_.mode == Mode::running) {
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

void ControlCore::follow_stream(std::int64_t now_ns) noexcept {
  if (!now_.streaming) {
    now_.streaming = true;
    ++now_.streams;
    events_ |= kEventStitch;
    ramp_.start(joints(), now_ns, now_.setpoint_rad, stream_rad_, approach_rad_s_);
  }
  ramp_.sample(now_ns, stream_rad_, now_.setpoint_rad);
  set_mode(Mode::running, Reason::none);
}

/// Also voids every plan: one pushed meanwhile says nothing about where the arm is now.
void ControlCore::end_stream() noexcept {
  now_.streaming = false;
  if (now_.mode != Mode::running) return;
  void_plan();
  ++now_.underflows;
  ++now_.streams_lost;
  events_ |= kEventUnderflow;
  set_mode(Mode::holding, Reason::underflow);
}

/// Servos yield before they protect themselves; one that cannot be helped so ends the run at the rest pose.
void ControlCore::protect(const JointState& state, PerJoint<float>& wish_rad) noexcept {
  const mtr_guard_verdict care = guard_.step(state, wish_rad);
  now_.guard = guard_.counters();
  now_.guard_bits = guard_.bits();
  if (care != MTR_GUARD_STOP || parking_ || now_.mode == Mode::fault) return;
  park();
  now_.reason = Reason::protection;
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
  bool enabled_now = false;
  if (enable_pending_ && !now_.torque && arm(state, now_ns)) {
    enable_pending_ = false;
    enabled_now = now_.torque = true;
    void_plan();
    set_mode(Mode::holding, Reason::none);
  }
  const bool ready = now_.mode == Mode::running || now_.mode == Mode::holding;
  const bool streamed = ready && stream_given_ && now_.reason != Reason::bus_errors;
  if (now_.streaming && !streamed) end_stream();
  stream_given_ = false;
  if (now_.mode == Mode::moving) {
    follow_slew(now_ns, state);
  } else if (streamed) {
    follow_stream(now_ns);
  } else if (ready) {
    follow_plan(last_ns, now_ns, new_plan);
  }
  if (now_.torque && state.n == joints()) apply_gate(now_ns, state, result);
  result.torque = enabled_now ? TorqueRequest::on : torque_request_;
  torque_request_ = TorqueRequest::none;
  now_.gate = gate_.counters();
  now_.gate_causes = gate_.causes();
  result.events = events_;
  events_ = 0;
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
