#include "runtime/control_core.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

constexpr float kSameSetpoint_rad = 1e-5f;  // rounding of float32 between two ways to the same number

PerJoint<mtr_profile_limits> all_transition_limits(const ControlConfig& config) noexcept {
  PerJoint<mtr_profile_limits> limits{};
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) limits[j] = transition_limits(config, j);
  return limits;
}

}  // namespace

ControlCore::ControlCore(const ControlConfig& config)
    : config_((check(config), config)),
      watch_(config.limits, config.position_jump_rad),
      buffer_(config.limits.n_joints, config.blend_ns, meaning_of(config), approach_limits(config)),
      slew_(config_),
      stream_(config_),
      setpoint_(all_transition_limits(config)),
      output_(config) {
  published_last_.joints = joints();
  publish();
}

/// Returns false where the event means nothing in this state.
bool ControlCore::change(ModeEvent event, Reason reason) noexcept {
  const State before = mode_.state();
  const ModeStep step = mode_.apply(event, reason);
  if (!step.taken) return false;
  if (mode_of(before) != mode_.mode()) events_ |= kEventModeChange;
  if (before == State::moving && event != ModeEvent::move) move_.end = move_end_of(event, reason);
  carry_out(step.actions);
  return true;
}

void ControlCore::carry_out(std::uint16_t actions) noexcept {
  if ((actions & kNewEpoch) != 0) ++epoch_;
  if ((actions & kDropEnable) != 0) enable_asked_ = false;
  if ((actions & kDropSlew) != 0) {
    slew_.drop();
    rearm_asked_ = false;
  }
  if ((actions & kStartPark) != 0) {
    slew_.ask(config_.rest_rad, config_.approach_velocity_share);
    since_.park_ns = since_.tick_ns;
  }
  if ((actions & kRearm) != 0) rearm_asked_ = true;
  if ((actions & kComeToRest) != 0) setpoint_.ask_rest();
  if ((actions & kFreezeSetpoint) != 0) setpoint_.freeze(output_.gate());
  if ((actions & kFreezeGoal) != 0) {
    setpoint_.stand_at(output_.goal_rad());
    if (mode_.torque()) output_.stop();
  }
  if ((actions & kTorqueOff) != 0) torque_request_ = TorqueRequest::off;
  if ((actions & kForgetTorque) != 0) torque_request_ = TorqueRequest::none;
}

void ControlCore::publish() noexcept {
  CoreSnapshot& out = published_last_;
  static_cast<CoreCounters&>(out) = counters_;
  out.mode = mode_.mode();
  out.reason = mode_.reason();
  out.torque = mode_.torque();
  out.estop = mode_.estop();
  out.unsupervised = mode_.unsupervised();
  out.streaming = stream_.active();
  out.move_end = move_.end;
  out.move_ticket = move_.ticket;
  out.epoch = epoch_;
  out.t_ns = since_.tick_ns;
  out.jumped = watch_.jumped();
  out.jump_rad = watch_.jump_rad();
  out.setpoint_rad = setpoint_.position_rad();
  out.goal_rad = output_.goal_rad();
  published_.publish(out);
}

void ControlCore::move_to(const PerJoint<float>& target_rad, float fraction, std::uint64_t ticket) noexcept {
  if (!change(ModeEvent::move)) return;
  move_ = {ticket, MoveEnd::none};
  bool sane = fraction > 0.0f && fraction <= 1.0f;
  for (std::uint32_t j = 0; j < joints(); ++j) sane = sane && std::isfinite(target_rad[j]);
  if (sane) {
    slew_.ask(target_rad, fraction);
  } else {
    change(ModeEvent::hold, Reason::unplanned);
  }
  publish();
}

void ControlCore::cancel_move(std::uint64_t ticket) noexcept {
  if (mode_.state() != State::moving || move_.ticket != ticket) return;
  change(ModeEvent::hold);
  move_.end = MoveEnd::cancelled;
  publish();
}

void ControlCore::hold(Reason reason) noexcept {
  if (change(ModeEvent::hold, reason)) publish();
}

void ControlCore::park() noexcept {
  if (change(ModeEvent::park, Reason::parking)) publish();
}

void ControlCore::release() noexcept {
  change(ModeEvent::release);
  publish();
}

void ControlCore::lose_supervisor() noexcept {
  if (mode_.unsupervised()) return;
  change(ModeEvent::lose_supervisor, Reason::unsupervised);
  publish();
}

void ControlCore::fault(Reason reason) noexcept {
  if (change(ModeEvent::fault, reason)) publish();
}

void ControlCore::torque_refused(Reason reason) noexcept {
  change(ModeEvent::fault, reason);
  change(ModeEvent::torque_refused);
  publish();
}

void ControlCore::reconnected() noexcept {
  change(ModeEvent::reconnected);
  publish();
}

void ControlCore::estop() noexcept {
  if (!change(ModeEvent::estop, Reason::estop)) return;
  ++counters_.estops;
  events_ |= kEventEstop;
  since_.estop_ns = 0;
  publish();
}

void ControlCore::accept_position() noexcept {
  watch_.accept();
  change(ModeEvent::accept_position);
  publish();
}

bool ControlCore::reset_estop() noexcept {
  if (change(ModeEvent::reset_estop)) publish();
  return !mode_.estop();
}

void ControlCore::stream(const PerJoint<float>& goal_rad, std::uint64_t epoch) noexcept {
  if (epoch == epoch_) {
    stream_.give(goal_rad);
  } else {
    stream_.withdraw();
  }
}

bool ControlCore::fresh(const JointState& state, std::int64_t now_ns) const noexcept {
  return state.n == joints() && now_ns - oldest_joint_ns(state) <= config_.limits.max_state_age_ns;
}

bool ControlCore::arm(const JointState& state, std::int64_t now_ns) noexcept {
  if (!fresh(state, now_ns) || watch_.jumped() != 0 || !output_.arm(state.position_rad)) return false;
  setpoint_.stand_at(state.position_rad);
  return true;
}

bool ControlCore::try_enable(const JointState& state, std::int64_t now_ns) noexcept {
  return enable_asked_ && !mode_.torque() && arm(state, now_ns) && change(ModeEvent::enabled);
}

void ControlCore::end_estop_hold(std::int64_t now_ns) noexcept {
  if (mode_.state() != State::stopped) return;
  if (since_.estop_ns == 0) since_.estop_ns = now_ns;
  if (now_ns >= since_.estop_ns + config_.estop_hold_ns) release();
}

/// Counts a change of source. When it was not `possible`, drops every source, so that the gate brakes the arm
/// to a stop.
bool ControlCore::blended(bool possible) noexcept {
  if (possible) {
    ++counters_.joins;
  } else {
    stream_.stop();
    change(ModeEvent::unreachable, Reason::unplanned);
  }
  return possible;
}

/// Plans a stop from here, then a straight slew to the target. False when no such slew can be computed; the
/// arm then comes to rest.
bool ControlCore::start_slew(std::int64_t last_ns, std::int64_t now_ns) noexcept {
  slew_.take_up();
  if (!blended(setpoint_.come_to_rest(last_ns, output_.gate()))) return false;
  const std::int64_t start_ns = std::max(now_ns, setpoint_.transition_end_ns());
  if (slew_.start(start_ns, setpoint_.source().position_rad)) return true;
  change(ModeEvent::unplanned, Reason::unplanned);
  return false;
}

/// Ends the move by the arrival report: arrived or missed.
void ControlCore::finish_slew() noexcept {
  ++counters_.moves_done;
  published_last_.arrival = slew_.arrival().report();
  const bool missed = published_last_.arrival.missed != 0;
  if (mode_.state() == State::parking) {
    const bool timed_out = missed && mode_.reason() == Reason::parking;
    change(ModeEvent::release, timed_out ? Reason::park_timed_out : Reason::none);
  } else {
    change(ModeEvent::arrived);
    move_.end = missed ? MoveEnd::missed : MoveEnd::arrived;
  }
}

void ControlCore::follow_slew(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept {
  if (mode_.state() == State::parking && now_ns - since_.park_ns > config_.park_timeout_ns) {
    slew_.arrival().decide(now_ns, state, fresh(state, now_ns));
    published_last_.arrival = slew_.arrival().report();
    change(ModeEvent::release, Reason::park_timed_out);
    return;
  }
  if (rearm_asked_) {
    if (!arm(state, now_ns)) return;
    rearm_asked_ = false;
  }
  const bool started = !slew_.asked() || start_slew(last_ns, now_ns);
  if (started) setpoint_.sample(slew_, now_ns);
  setpoint_.advance(now_ns);
  if (started && slew_.over(now_ns) && slew_.arrival().decide(now_ns, state, fresh(state, now_ns)))
    finish_slew();
}

/// Changes to a new plan. The pushing thread may be interrupted between reading the clock and publishing, so
/// the plan may differ from what the arm did in the last tick; that difference fades out from there.
bool ControlCore::switch_plan(const Plan& plan, std::int64_t last_ns) noexcept {
  events_ |= kEventStitch | (plan.late ? kEventLateChunk : 0u) | (plan.approach ? kEventApproach : 0u);
  seam_ = plan.seam;
  Motion there;
  PlanSource{plan}.sample(last_ns, there);
  float largest = 0.0f;
  for (std::uint32_t j = 0; j < joints(); ++j)
    largest = std::max(largest, std::abs(setpoint_.source().position_rad[j] - there.position_rad[j]));
  if (largest <= kSameSetpoint_rad && !setpoint_.rest_asked()) return true;
  if (!blended(setpoint_.blend_from(joints(), last_ns, there))) return false;
  counters_.handover_jump_max_rad = std::max(counters_.handover_jump_max_rad, largest);
  return true;
}

void ControlCore::follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept {
  const Plan& plan = buffer_.plan();
  const bool planned = plan.version != 0 && plan.epoch == epoch_;
  if (!planned) {
    RestSource rest;
    if (setpoint_.rest_asked()) blended(setpoint_.come_to_rest(last_ns, output_.gate()));
    setpoint_.sample(rest, now_ns);
    setpoint_.advance(now_ns);
    return;
  }
  if (new_plan && !switch_plan(plan, last_ns)) return;
  const bool over = now_ns > plan.end_ns(), running = mode_.state() == State::running;
  PlanSource source{plan};
  setpoint_.sample(source, now_ns);
  if (over && running) {
    const Motion end{setpoint_.source().position_rad, {}, {}};
    if (!blended(setpoint_.blend_from(joints(), last_ns, end))) return;
  }
  setpoint_.advance(now_ns);
  if (!over) {
    change(ModeEvent::followed);
  } else {
    end_plan(plan, now_ns, running || new_plan);  // a plan may arrive when its time is already over
  }
}

void ControlCore::end_plan(const Plan& plan, std::int64_t now_ns, bool ends) noexcept {
  if (ends && plan.final) {
    change(ModeEvent::plan_ended);
  } else if (ends) {
    ++counters_.underflows;
    events_ |= kEventUnderflow;
    since_.underflow_ns = now_ns;
    change(ModeEvent::underflow, Reason::underflow);
  } else if (mode_.reason() == Reason::underflow && config_.fallback != RestPolicy::hold &&
             now_ns - since_.underflow_ns > config_.fallback_after_ns) {
    fall_back();
  }
}

void ControlCore::fall_back() noexcept {
  events_ |= kEventFallback;
  ++counters_.fallbacks;
  if (config_.fallback == RestPolicy::park) {
    park();
  } else if (config_.fallback == RestPolicy::release) {
    release();
  }
}

void ControlCore::follow_stream(std::int64_t last_ns, std::int64_t now_ns) noexcept {
  if (!stream_.active()) {
    ++counters_.streams;
    events_ |= kEventStitch;
    stream_.start(last_ns, now_ns, setpoint_.position_rad());
    const Motion standing{setpoint_.position_rad(), {}, {}};  // the ramp starts from rest
    if (!blended(setpoint_.blend_from(joints(), last_ns, standing))) return;
  }
  setpoint_.sample(stream_, now_ns);
  setpoint_.advance(now_ns);
  change(ModeEvent::followed);
}

/// Voids every plan too: one pushed during the stream was made from an old pose.
void ControlCore::end_stream() noexcept {
  stream_.stop();
  if (!change(ModeEvent::stream_lost, Reason::underflow)) return;
  ++counters_.underflows;
  ++counters_.streams_lost;
  events_ |= kEventUnderflow;
}

void ControlCore::follow(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept {
  const bool new_plan = buffer_.refresh();
  const bool ready = is_ready(mode_.state());
  const bool streamed = ready && stream_.given() && mode_.reason() != Reason::bus_errors;
  stream_.withdraw();
  if (stream_.active() && !streamed) end_stream();
  if (mode_.mode() == Mode::moving) {
    follow_slew(last_ns, now_ns, state);
  } else if (streamed) {
    follow_stream(last_ns, now_ns);
  } else if (ready) {
    follow_plan(last_ns, now_ns, new_plan);
  }
}

void ControlCore::make_goal(std::int64_t now_ns, const JointState& state, TickResult& result) noexcept {
  PerJoint<float> wanted_rad = setpoint_.position_rad();
  const mtr_guard_verdict care = output_.guard(state, wanted_rad);
  published_last_.guard = output_.servo_guard().counters();
  published_last_.guard_bits = output_.servo_guard().bits();
  // The guard first draws goals back; when that does not help a servo, the run ends at the rest pose.
  if (care == MTR_GUARD_STOP) change(ModeEvent::protect, Reason::protection);
  result.goal = output_.apply(now_ns, state, wanted_rad, result.verdict);
  setpoint_.set_lag(wanted_rad, output_.goal_rad(), joints());
  if (result.verdict != MTR_TRIPPED) return;
  // try again until the park deadline: one bad second must not leave the arm up
  if (mode_.state() == State::parking) {
    rearm_asked_ = true;
    slew_.ask_again();
  } else if (mode_.mode() != Mode::fault) {
    change(ModeEvent::fault, Reason::gate_tripped);
  }
}

TickResult ControlCore::tick(std::int64_t now_ns, const JointState& state) noexcept {
  TickResult result;
  ++counters_.ticks;
  const std::int64_t last_ns = since_.tick_ns;
  since_.tick_ns = now_ns;
  watch_.look(state);
  if (watch_.jumped() != 0 && (mode_.torque() || enable_asked_)) fault(Reason::position_jump);
  const bool enabled = try_enable(state, now_ns);
  end_estop_hold(now_ns);
  follow(last_ns, now_ns, state);
  if (mode_.torque() && state.n == joints()) make_goal(now_ns, state, result);
  result.torque = enabled ? TorqueRequest::on : torque_request_;
  torque_request_ = TorqueRequest::none;
  published_last_.gate = output_.gate().counters();
  published_last_.gate_causes = output_.gate().causes();
  result.events = take_events();
  result.seam = seam_;
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
